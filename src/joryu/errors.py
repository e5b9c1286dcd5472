"""The few exceptions Joryu raises on purpose, and the one grammar they all speak.

Every message says what happened, what was expected, what was received and what to try, in that order; a part that does
not apply is left out. The command line prints the message as it stands and exits with the class's ``exit_code``.

>>> print(InputError("temperature is not usable", expected="a number > 0", received=0, hint="try --temperature 4"))
temperature is not usable (expected a number > 0; received 0); try --temperature 4

Whoever writes Python knows a setting by its parameter, whoever types a command by its option: what an error begins with
``setting=`` can be said both ways.

>>> error = InputError("is not usable", setting="hard_weight", expected="0..1", received=2)
>>> print(error)
hard_weight is not usable (expected 0..1; received 2)
>>> print(error.spelled(option))
--hard-weight is not usable (expected 0..1; received 2)
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from typing import ClassVar

_MOST = 1000  #: letters of what was expected or received: somebody's whole text is no news to them


def _cut(said: object) -> str:
    text = str(said)
    return text if len(text) <= _MOST else f"{text[:_MOST]} … ({len(text):,} letters)"


def option(setting: str) -> str:
    """The command line's name of a setting.

    >>> option("batch_size")
    '--batch-size'
    """
    return f"--{setting.replace('_', '-')}"


def did_you_mean(word: str, known: Iterable[str], *, written: Callable[[str], str] = str, most: int = 3) -> str | None:
    """A hint that names the near misses of ``word``, nearest first, or ``None``.

    Args:
        word: what was typed.
        known: what may be typed.
        written: how a known word is typed where more than the word itself is.
        most: how many are named.

    >>> did_you_mean("minst", ["mnist", "digits"])
    'did you mean mnist?'
    >>> did_you_mean("mpl", ["smp", "mlp"])
    'did you mean mlp or smp?'
    >>> did_you_mean("tim", ["timm", "run"], written="{}:NAME".format)
    'did you mean timm:NAME?'
    """
    near = difflib.get_close_matches(word, sorted(set(known)), n=most)
    near.sort(key=lambda one: sorted(one) != sorted(word))  # letters exchanged are likelier than others
    return f"did you mean {' or '.join(map(written, near))}?" if near else None


class JoryuError(Exception):
    """Base of every error a user can cause or mend."""

    exit_code: ClassVar[int] = 1

    def __init__(
        self, what: str, *, setting: str | None = None, expected: object = None, received: object = None,
        hint: str | None = None,
    ) -> None:  # fmt: skip
        self.setting, self.expected, self.received, self.hint = setting, expected, received, hint
        details = [f"expected {_cut(expected)}"] if expected is not None else []
        details += [f"received {_cut(received)}"] if received is not None else []
        message = f"{what} ({'; '.join(details)})" if details else what
        self._rest = f"{message}; {hint}" if hint else message
        self.what = what if setting is None else f"{setting} {what}"
        super().__init__(self._rest if setting is None else f"{setting} {self._rest}")

    def spelled(self, name_of: Callable[[str], str]) -> str:
        """The message with its setting, if it begins with one, called by another name."""
        return self._rest if self.setting is None else f"{name_of(self.setting)} {self._rest}"


class InputError(JoryuError):
    """An argument, path, spec or file that cannot be used as given."""

    exit_code = 2


class MismatchError(JoryuError):
    """Two things that must agree (teacher, classes, schema, examples) do not."""

    exit_code = 3


class MissingExtraError(JoryuError):
    """An optional library is needed; the message names the extra that brings it."""

    exit_code = 4

    def __init__(self, library: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs {library}, which is not installed", hint=f'try: pip install "joryu[{extra}]"'
        )


class DeadTeacherError(JoryuError):
    """The audit found that these soft targets teach nothing."""

    exit_code = 5


class TrainingError(JoryuError):
    """Training cannot go on (a loss that is not finite, a checkpoint of another recipe)."""

    exit_code = 6


class DivergedError(TrainingError):
    """The loss or the weights are not finite any more: these settings do not train, others may."""


class Stop(JoryuError):  # noqa: N818 - it tells of an end, not of an error
    """A teacher can be asked no more: a budget is spent, a quota or a permission is lost. What was answered is kept."""

    exit_code = 7
