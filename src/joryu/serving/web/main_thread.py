"""`WorkHere`: an executor whose work is done by the thread that waits for it, so that a model has the main one.

OpenMP is slow beside the main thread: in any other, a forward pass of MobileNetV3-small took two to three times as long
with two threads (57 against 21 ms for 16 pictures of 160×160; glibc's libgomp, 2 cores), as its helpers then sleep
between two layers. So the model works in the main thread and the event loop in another.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from queue import SimpleQueue
from typing import Any, ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Given = TypeVar("Given")


class WorkHere(Executor):
    """Takes work from any thread; `work` does it, one piece after another, until `shutdown`.

    >>> here = WorkHere()
    >>> found = here.submit(lambda: 6 * 7)
    >>> here.shutdown()
    >>> here.work()
    >>> found.result()
    42
    """

    def __init__(self) -> None:
        self._waiting: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._closed = False

    def submit(
        self, what: Callable[Arguments, Given], /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Future[Given]:
        """Ask for a call; the future has its result once `work` has come to it.

        Raises:
            RuntimeError: after `shutdown`.
        """
        if self._closed:
            raise RuntimeError("nothing is done after shutdown")
        future: Future[Given] = Future()
        self._waiting.put((future, partial(what, *args, **kwargs)))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take nothing more. `work` ends after what was asked for, or at once where that is cancelled."""
        del wait  # whoever waits is in `work`
        self._closed = True
        if cancel_futures:
            while not self._waiting.empty():
                if (left := self._waiting.get()) is not None:
                    left[0].cancel()
        self._waiting.put(None)

    def work(self) -> None:
        """Do what is asked for, until `shutdown`; what a call raises belongs to its future."""
        while (asked := self._waiting.get()) is not None:
            future, what = asked
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = what()
            except Exception as error:  # noqa: BLE001 - whoever asked has it
                future.set_exception(error)
            else:
                future.set_result(result)
