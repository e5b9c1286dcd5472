"""Ctrl-C, asked for politely: the loop finishes its step, saves, and only then stops."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Self


class Interrupt:
    """Turns the first SIGINT or SIGTERM into a flag; a second one interrupts at once.

    Outside the main thread, where Python allows no handlers, it only ever reports ``False``.
    """

    def __init__(self) -> None:
        self.asked = False
        self._earlier: dict[int, object] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._earlier[number] = signal.signal(number, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._earlier.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
