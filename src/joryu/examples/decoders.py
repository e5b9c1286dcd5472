"""Processes that decode pictures, each for one thread of this process at a time.

Of a small picture's time a third is Python, which threads of one process take in turns. What a process cannot do (a
file is gone, damaged, has changed, or the process itself was ended) is done again here, where it says what is wrong.
"""

from __future__ import annotations

import atexit
import io
import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final, NamedTuple, cast

from joryu.errors import InputError
from joryu.examples.ahead import usable_cores
from joryu.examples.decoder_process import as_json, versions
from joryu.examples.original_bytes import Source
from joryu.examples.pipe_frames import Frame, Inbox, send
from joryu.examples.shared_memory import mapped, shared_file

HOW_MANY: Final = "JORYU_DECODERS"  #: the variable that says how many processes there may be

_WORTH: Final = 0.5
"""Seconds of processor time that threads spend before processes are started: about what starting them costs, so that
they never double the cost of a small set."""

_READY: Final = 30.0  #: seconds in which a process must say that it is there
_IDLE: Final = 20.0  #: seconds without a task, after which a process ends
_DEATHS: Final = 3  #: of processes that were ended by others, after which no more are started

_START: Final = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[1]); "
    "from joryu.examples.decoder_process import main; main(*json.loads(sys.argv[2]))"
)
_ONE_THREAD: Final = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class Request(NamedTuple):
    """A task: which work of `joryu.examples.decoder_process`, on which pictures, and what else it must know."""

    work: str
    sources: Sequence[Source]
    about: dict[str, Any]


class Records(NamedTuple):
    """What came back: the records of those pictures that did not fail, one after another."""

    failed: list[int]
    content: memoryview


class _Decoder:
    """One process, seen from here."""

    def __init__(self) -> None:
        shared = shared_file()
        try:
            self._start(shared)
        finally:
            if shared is not None:
                os.close(shared)
        self._started = time.monotonic()
        self._requests = cast("io.FileIO", self._process.stdin)
        self._answers = cast("io.FileIO", self._process.stdout)
        self._inbox = Inbox(self._answers)

    def _start(self, shared: int | None) -> None:
        self._memory = None if shared is None else mapped(shared)
        # Not `multiprocessing`, which runs the caller's main module again; a group of its own, so that Ctrl-C in a
        # terminal is left to this process; isolated, so that no file in the working folder is taken for a module.
        self._process = subprocess.Popen(  # noqa: S603 - this interpreter, and a program of our own
            [sys.executable, "-I", "-X", f"utf8={sys.flags.utf8_mode}", "-c", _START, json.dumps(sys.path),
             json.dumps([os.getpid(), _IDLE, shared])],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0,
            env=os.environ | _ONE_THREAD, process_group=0, pass_fds=() if shared is None else (shared,),
        )  # fmt: skip

    @property
    def number(self) -> int:
        """By which the system knows it."""
        return self._process.pid

    def is_ready(self) -> bool:
        """Whether it has said that it is there.

        Raises:
            OSError: it is not, or it would decode otherwise than this process.
        """
        said = select.poll()  # not select, which takes no file with a number above 1023
        said.register(self._answers, select.POLLIN)
        if not said.poll(0):
            if time.monotonic() - self._started > _READY:
                raise OSError("no word")
            return False
        if self._receive().head != versions():
            raise OSError("another Pillow")
        return True

    def ask(self, request: Request) -> Records:
        """Give it a task and wait for what comes back.

        Raises:
            OSError: it is not there any more.
        """
        head = request.about | {"work": request.work, "sources": [as_json(source) for source in request.sources]}
        send(self._requests.fileno(), head, [one for one in request.sources if isinstance(one, bytes)])
        answer = self._receive()
        content = self._memory[: answer.head["shared"]] if answer.head["shared"] and self._memory else answer.payload
        return Records(answer.head["failed"], content)

    def _receive(self) -> Frame:
        try:
            return self._inbox.receive()
        except (EOFError, ValueError, KeyError) as error:
            raise OSError("it is not there any more") from error

    def end(self, patience: float = 0.0) -> bool:
        """Close its pipes, and end it where it does not end by itself; whether somebody else had ended it."""
        self.let_go()
        try:
            return self._process.wait(patience) != 0
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            return False

    def disown(self) -> None:
        """Let go of a process that is another's."""
        self.let_go()
        self._process.returncode = 0  # nobody here waits for its end

    def let_go(self) -> None:
        """Close our ends of its pipes."""
        for pipe in (self._requests, self._answers):
            with suppress(OSError):
                pipe.close()


class Decoders:
    """The processes of this one that decode: started when they pay, and gone when nobody has asked for a while."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._starting = list[_Decoder]()
        self._ready = list[_Decoder]()
        self._count = 0  #: that were started and are not known to have ended
        self._spent = 0.0  #: seconds of processor time of threads
        self._deaths = 0

    @contextmanager
    def asked(self, request: Callable[[], Request]) -> Iterator[Records | None]:
        """A context with the records of a task, which hold inside it; ``None`` where it is to be done here.

        Raises:
            InputError: as `most_decoders`.
        """
        decoder = self._taken()
        records = None if decoder is None else self._answer(decoder, request)
        if decoder is None or records is None:
            began = time.thread_time()
            try:
                yield None
            finally:
                self._spend(time.thread_time() - began)
            return
        try:
            yield records
        finally:
            with self._lock:
                self._ready.append(decoder)

    @property
    def processes(self) -> list[int]:
        """The numbers of those that wait for a task."""
        with self._lock:
            return [decoder.number for decoder in self._ready]

    def close(self) -> None:
        """End those that have no task; more are started where they pay."""
        with self._lock:
            decoders = [*self._starting, *self._ready]
            self._starting, self._ready = [], []
            self._count -= len(decoders)
            self._spent, self._deaths = 0.0, 0
        for decoder in decoders:
            decoder.let_go()
        for decoder in decoders:
            decoder.end(patience=1.0)

    def forget(self) -> None:
        """In a copy of this process (a fork): let go of processes that work for the other."""
        decoders = [*self._starting, *self._ready]
        self._begin()  # with a lock that no thread of the other holds
        for decoder in decoders:
            decoder.disown()

    def _spend(self, seconds: float) -> None:
        with self._lock:
            self._spent += seconds

    def _taken(self) -> _Decoder | None:
        with self._lock:
            if self._spent < _WORTH or self._deaths >= _DEATHS or not (most := most_decoders()):
                return None
            if self._count < most:
                self._start(most - self._count)
            self._look_who_is_ready()
            return self._ready.pop() if self._ready else None

    def _start(self, number: int) -> None:
        try:
            for _ in range(number):
                self._starting.append(_Decoder())
                self._count += 1
        except OSError:  # no more processes may be started: threads will do
            self._deaths = _DEATHS

    def _look_who_is_ready(self) -> None:
        for decoder in [*self._starting]:
            try:
                if not decoder.is_ready():
                    continue
                self._ready.append(decoder)
            except OSError:
                decoder.end()
                self._count -= 1
                self._deaths = _DEATHS
            self._starting.remove(decoder)

    def _answer(self, decoder: _Decoder, request: Callable[[], Request]) -> Records | None:
        try:
            return decoder.ask(request())
        except OSError:  # what it was to read cannot be had here either, or it has ended: who is told None will see
            self._bury(decoder)
            return None
        except BaseException:  # what it may still say belongs to no task
            self._bury(decoder, ours=True)
            raise

    def _bury(self, decoder: _Decoder, *, ours: bool = False) -> None:
        """Count one less; ``ours``: that it ends, however it does, is our own doing."""
        died = decoder.end(patience=1.0) and not ours
        with self._lock:
            self._count -= 1
            self._deaths += died
            if not self._count:  # nobody has asked for a while, and whether they pay is found out anew
                self._spent = 0.0


def most_decoders() -> int:
    """How many processes may decode: one for each core, at most 16; none where there is one core alone.

    ``JORYU_DECODERS`` says otherwise; with 0 all is decoded in threads of this process.

    Raises:
        InputError: the variable holds no number.
    """
    said = os.environ.get(HOW_MANY, "").strip()
    if said and not said.isdecimal():
        raise InputError(f"{HOW_MANY} is not a number of processes", expected="0, 1, 2 …", received=repr(said))
    # In a program made of one file the interpreter is the program itself, which would begin again.
    if os.name != "posix" or not sys.executable or getattr(sys, "frozen", False):
        return 0
    if said:
        return int(said)
    cores = usable_cores()
    return cores if cores > 1 else 0


DECODERS: Final = Decoders()  #: shared by all who decode in this process
atexit.register(DECODERS.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=DECODERS.forget)
