"""`Interrupt`: on Ctrl-C the loop finishes its step, saves a checkpoint, and then stops."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any, Self


class Interrupt:
    """Sets ``asked`` at the first SIGINT or SIGTERM; the second raises ``KeyboardInterrupt`` at once.

    It is a context manager, and restores the former handlers at its end. Outside the main thread Python allows no
    handlers; ``asked`` can then only be set by hand.
    """

    def __init__(self) -> None:
        self.asked = False
        self._earlier: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._earlier[number] = signal.signal(number, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._earlier.items():
            # None is a handler that was not set from Python, and that Python cannot set again.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
