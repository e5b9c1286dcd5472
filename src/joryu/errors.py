"""The few exceptions Joryu raises on purpose, and the one grammar they all speak.

Every message says what happened, what was expected, what was received and what to try, in that order; a part that does
not apply is left out. The command line prints the message as it stands and exits with the class's ``exit_code``.

>>> print(InputError("temperature is not usable", expected="a number > 0", received=0, hint="try --temperature 4"))
temperature is not usable (expected a number > 0; received 0); try --temperature 4
"""

from __future__ import annotations

from typing import ClassVar


class JoryuError(Exception):
    """Base of every error a user can cause or mend."""

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, expected: object = None, received: object = None, hint: str | None = None) -> None:
        self.what, self.expected, self.received, self.hint = what, expected, received, hint
        details = [f"expected {expected}"] if expected is not None else []
        details += [f"received {received}"] if received is not None else []
        message = f"{what} ({'; '.join(details)})" if details else what
        super().__init__(f"{message}; {hint}" if hint else message)


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
