"""``brainflow:BOARD[,serial_port=…]``: any board that BrainFlow supports; its synthetic board needs no hardware."""

from __future__ import annotations

import importlib.resources
import importlib.util
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from types import ModuleType
from typing import Any

import numpy as np

from joryu.errors import InputError
from joryu.labelling.devices.device import Counts, DeviceLostError, Reading, library

#: the parameters that a spec may set, with their types (BrainFlowInputParams)
PARAMETERS: Mapping[str, type] = {
    "serial_port": str, "mac_address": str, "ip_address": str, "ip_port": int, "serial_number": str, "timeout": int,
}  # fmt: skip
_BUFFER = 2**14  #: unread rows that BrainFlow keeps
_TICK_S = 0.02


class BrainFlowBoard:
    """EEG channels as ``eeg_1``, ``eeg_2``, … in microvolts, and the battery, with the board's time stamps.

    ``counts`` counts the board's rows.

    Args:
        board: BrainFlow's name of the board, without ``_BOARD``: ``synthetic``, ``cyton``, ``muse_2``.
        parameters: how to reach the board; names as in `PARAMETERS`.

    Raises:
        InputError: there is no such board or parameter.
        MissingExtraError: BrainFlow is not installed.
    """

    def __init__(self, board: str = "synthetic", parameters: Mapping[str, str] | None = None) -> None:
        given = dict(parameters or {})
        self.name = ",".join([f"brainflow:{board}", *(f"{key}={value}" for key, value in given.items())])
        self._api = library("brainflow.board_shim", "brainflow", "a BrainFlow board")
        names = {member.name.removesuffix("_BOARD").lower(): member.value for member in self._api.BoardIds}
        if board.lower() not in names:
            raise InputError(f"BrainFlow knows no board {board!r}", expected=", ".join(sorted(names)))
        self._id = names[board.lower()]
        self._given = {key: _parameter(key, value) for key, value in given.items()}
        self._shim: Any = None
        self.counts = Counts()

    def open(self) -> None:
        """Connect and start streaming.

        Raises:
            DeviceLostError: the board does not answer.
        """
        wanted = self._api.BrainFlowInputParams()
        for key, value in self._given.items():
            setattr(wanted, key, value)
        with _package_resources():
            self._api.BoardShim.disable_board_logger()  # it would print to the terminal
            shim = self._api.BoardShim(self._id, wanted)
        try:
            shim.prepare_session()
            shim.start_stream(_BUFFER)
            self._rows = self._layout()
        except self._api.BrainFlowError as error:
            with suppress(self._api.BrainFlowError):
                shim.release_session()
            raise DeviceLostError(f"{self.name} cannot be opened", received=error) from error
        self._shim = shim

    def read(self, timeout: float) -> list[Reading]:
        """The readings that came within the time-out.

        Raises:
            DeviceLostError: the board hung up, or is not open.
        """
        if self._shim is None:
            raise DeviceLostError(f"{self.name} is not open")
        end = time.monotonic() + timeout
        try:
            while self._shim.get_board_data_count() == 0 and time.monotonic() < end:
                time.sleep(min(_TICK_S, timeout))
            data = self._shim.get_board_data()
        except self._api.BrainFlowError as error:
            raise DeviceLostError(f"{self.name} hung up", received=error) from error
        self.counts = Counts(self.counts.packets + data.shape[1])
        stamp, signals = self._rows
        finite = np.isfinite(data)
        return [
            Reading(name, float(data[row, column]), float(data[stamp, column]))
            for column in range(data.shape[1])
            for name, row in signals.items()
            if finite[row, column]
        ]

    def close(self) -> None:
        """Stop streaming and release the board."""
        shim, self._shim = self._shim, None
        if shim is None:
            return
        for end in (shim.stop_stream, shim.release_session):
            with suppress(self._api.BrainFlowError):
                end()

    def _layout(self) -> tuple[int, dict[str, int]]:
        """The row number of the time stamps, and those of the signals."""
        shim = self._api.BoardShim
        signals: dict[str, int] = {}
        with suppress(self._api.BrainFlowError):  # a board without a battery channel
            signals |= {f"eeg_{at}": int(row) for at, row in enumerate(shim.get_eeg_channels(self._id), 1)}
        with suppress(self._api.BrainFlowError):
            signals["battery"] = int(shim.get_battery_channel(self._id))
        return int(shim.get_timestamp_channel(self._id)), signals


def _parameter(key: str, value: str) -> str | int:
    if key not in PARAMETERS:
        raise InputError("unknown BrainFlow parameter", expected=", ".join(PARAMETERS), received=key)
    try:
        found: str | int = PARAMETERS[key](value)
    except ValueError as error:
        raise InputError(f"{key} is not usable", expected="a whole number", received=value) from error
    return found


@contextmanager
def _package_resources() -> Iterator[None]:
    """Provide the one function of ``pkg_resources`` that BrainFlow needs while it loads, if the module is missing.

    On Python 3.11 BrainFlow 5 falls back on that module, which setuptools 82 removed.
    """
    if importlib.util.find_spec("pkg_resources") is not None:
        yield
        return
    stand_in = ModuleType("pkg_resources")
    vars(stand_in)["resource_filename"] = lambda name, path: str(
        importlib.resources.files(name.rpartition(".")[0]).joinpath(path)
    )
    sys.modules["pkg_resources"] = stand_in
    try:
        yield
    finally:
        del sys.modules["pkg_resources"]
