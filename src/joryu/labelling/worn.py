"""`Worn`: the device that an annotator wears, with means for answers, a state for the page, and recordings."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from joryu.annotations import Project
from joryu.errors import JoryuError
from joryu.labelling.devices import Attached, Recorder, open_device


class Worn:
    """A device whose raw signals are recorded in the file of the current session; a context manager.

    Args:
        spec: see `joryu.labelling.devices.open_device`.
        project: where recordings are stored.

    Raises:
        InputError: the device is unknown.
        MissingExtraError: its library is not installed.
    """

    def __init__(self, spec: str, project: Project) -> None:
        self._spec, self._project = spec, project
        self._attached = Attached(open_device(spec))
        self._recorder: Recorder | None = None
        self._session: str | None = None
        self._path: Path | None = None
        self._trouble: str | None = None

    def __enter__(self) -> Self:
        self._attached.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._attached.stop()
        self._stop_recording()  # if it began after the device had ended, nobody else closes it

    def begin(self, session: str) -> None:
        """Record for this session from now on. If the disk refuses, that is reported in the state, not raised."""
        if session == self._session and self._trouble is None and self._path is not None and self._path.exists():
            return  # but if the file was deleted with its annotator, a new one is begun
        self._session = session
        self._stop_recording()
        self._trouble = None
        try:
            self._path = self._project.signal_file(session)
            self._recorder = Recorder(self._path, self._spec)
        except OSError as error:  # without the path: this is shown on the page
            self._trouble = f"nothing is recorded: {error.strerror or type(error).__name__}"
        except JoryuError:
            self._trouble = "nothing is recorded: the file of this session is something else"
        else:
            self._attached.add(self._recorder)

    def _stop_recording(self) -> None:
        previous, self._recorder = self._recorder, None
        if previous is not None:
            self._attached.remove(previous)
            with suppress(OSError):  # a full disk, told when it was written to
                previous.close()

    def window(self, start: float, stop: float) -> dict[str, float]:
        """Means of the signals between two times on the monotonic clock (s); unmeasured signals are left out.

        Raw samples and band powers are not included; they are in the recording.
        """
        found: dict[str, float | None] = {}
        with suppress(Exception):  # a device must never prevent an answer
            found = self._attached.window(start, stop)
        return {name: value for name in TOLD if (value := found.get(name)) is not None}

    def state(self) -> dict[str, Any]:
        """The device's state as JSON-able data, for the page."""
        return {**self._attached.state().to_json(), "trouble": self._trouble}


TOLD = ("attention", "meditation", "heart_rate")
