"""`Program`: another process that is given lines and gives a line back for each, watched for death and for silence."""

from __future__ import annotations

import os
import queue
import subprocess
import threading
import weakref
from collections import deque
from collections.abc import Callable, Generator, Sequence
from typing import IO, Final

from joryu.errors import InputError, JoryuError
from joryu.examples.overview_text import plural

_PATIENCE: Final = 5.0  #: seconds for a program whose input was closed to end by itself
_LAST: Final = 3  #: lines of its stderr that are told when it dies
_LONGEST: Final = 1 << 24  #: letters of a line


class Program:
    """A program that is started when it is first asked, without a shell, and lives until this object does not.

    Its standard error is kept for the message that tells of its death. Python programs are told not to buffer what they
    write; others must flush each line.

    Args:
        words: the program and its arguments.
        patience: seconds without a line after which it is given up.

    >>> program = Program(["cat"], patience=5)
    >>> list(program.ask(["a", "b"]))
    ['a', 'b']
    >>> program.close()
    """

    def __init__(self, words: Sequence[str], *, patience: float) -> None:
        self._words, self._patience = list(words), patience
        self._running: subprocess.Popen[str] | None = None
        self._close: Callable[[], object] = lambda: None

    def ask(self, lines: Sequence[str]) -> Generator[str, None, None]:
        """Give it lines, and take as many back, each as soon as it comes.

        Who stops listening, because one line shows that all is wrong, ends the program by closing this iterator: what
        it still has to say would be taken for answers to what is asked next.

        Raises:
            InputError: it cannot be started.
            JoryuError: it ended or was silent for too long; it is started anew when it is asked again.
        """
        running = self._started()
        writer = threading.Thread(target=_write, args=(running.stdin, lines), daemon=True)
        writer.start()
        try:
            for at in range(len(lines)):
                yield self._line(at, lines)
        except BaseException:
            self.close()
            raise
        writer.join()

    def close(self) -> None:
        """End the program, if it runs."""
        self._close()
        self._running = None

    def _started(self) -> subprocess.Popen[str]:
        if self._running is not None:
            return self._running
        try:
            running = subprocess.Popen(  # noqa: S603 - the user's own program, and no shell reads it
                self._words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                encoding="utf-8", errors="replace", bufsize=1, env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )  # fmt: skip
        except OSError as error:
            raise InputError(
                f"the program {self._words[0]} cannot be started", expected="a program", received=error.strerror
            ) from error
        self._running, self._said = running, queue.SimpleQueue[str | None]()
        self._complaints: deque[str] = deque(maxlen=_LAST)
        self._ears = [
            threading.Thread(target=_hear, args=(running.stdout, self._said), daemon=True),
            threading.Thread(target=_keep, args=(running.stderr, self._complaints), daemon=True),
        ]
        for ear in self._ears:
            ear.start()
        self._close = weakref.finalize(self, _end, running, self._ears)
        return running

    def _line(self, at: int, lines: Sequence[str]) -> str:
        try:
            said = self._said.get(timeout=self._patience)
        except queue.Empty:
            raise JoryuError(
                f"the program was silent for {self._patience:g} seconds", expected=f"an answer to {lines[at]}",
                received=f"{at} of {len(lines)}", hint="let it answer each line as it reads it, and flush",
            ) from None  # fmt: skip
        if said is not None:
            return said
        raise JoryuError(
            f"the program ended{self._how()}", expected=plural(len(lines), "answer"), received=f"{at} of them",
            hint=f"it said: {' / '.join(self._complaints)}" if self._complaints else None,
        )  # fmt: skip

    def _how(self) -> str:
        """With which code or signal it ended."""
        if self._running is None:
            return ""
        self._ears[1].join(_PATIENCE)
        try:
            code = self._running.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            return " its output"
        return f" by signal {-code}" if code < 0 else f" with code {code}"


def _write(stdin: IO[str], lines: Sequence[str]) -> None:
    try:
        stdin.writelines(f"{line}\n" for line in lines)
        stdin.flush()
    except (OSError, ValueError):
        return  # it has ended: whoever waits for its answers is told


def _hear(stdout: IO[str], said: queue.SimpleQueue[str | None]) -> None:
    try:
        while line := stdout.readline(_LONGEST):
            said.put(line.rstrip("\r\n"))
    except (OSError, ValueError):
        pass
    said.put(None)


def _keep(stderr: IO[str], complaints: deque[str]) -> None:
    try:
        for line in stderr:
            if line.strip():
                complaints.append(line.strip()[:200])
    except (OSError, ValueError):
        return


def _end(running: subprocess.Popen[str], ears: Sequence[threading.Thread]) -> None:
    try:
        if running.stdin is not None:
            running.stdin.close()
    except OSError:
        pass  # it had ended with something unread
    try:
        running.wait(_PATIENCE if running.poll() is None else 0)
    except subprocess.TimeoutExpired:
        running.kill()
        running.wait()
    for ear in ears:
        ear.join(_PATIENCE)
    for pipe in (running.stdout, running.stderr):
        if pipe is not None:
            pipe.close()
