"""BrainFlow's synthetic board: its channels, its rate, and what a spec may not say."""

from __future__ import annotations

import importlib.util
import sys
import time
from collections import Counter

import pytest

from joryu.errors import InputError
from joryu.labelling.devices.brainflow_board import BrainFlowBoard
from joryu.labelling.devices.device import DeviceLostError, Reading

pytestmark = pytest.mark.skipif(importlib.util.find_spec("brainflow") is None, reason="brainflow is absent")


def test_the_synthetic_board() -> None:
    board = BrainFlowBoard("synthetic")
    board.open()
    found: list[Reading] = []
    end = time.monotonic() + 20
    while board.counts.packets < 50 and time.monotonic() < end:
        found += board.read(0.1)
    board.close()
    names = Counter(reading.signal for reading in found)
    assert set(names) == {f"eeg_{n}" for n in range(1, 17)} | {"battery"}
    assert set(names.values()) == {board.counts.packets}
    times = [reading.device_time for reading in found if reading.signal == "eeg_1"]
    assert all(at is not None for at in times)
    assert times == sorted(set(times))  # type: ignore[type-var]
    assert abs(times[-1] - time.time()) < 60  # type: ignore[operator] - its clock is the time of day
    assert all(0 <= reading.value <= 100 for reading in found if reading.signal == "battery")
    with pytest.raises(DeviceLostError, match="not open"):
        board.read(0.01)
    assert "pkg_resources" not in sys.modules or importlib.util.find_spec("pkg_resources")


def test_a_board_that_is_not_there() -> None:
    with pytest.raises(DeviceLostError, match="brainflow:cyton,serial_port=/dev/nothing cannot be opened"):
        BrainFlowBoard("cyton", {"serial_port": "/dev/nothing"}).open()


def test_what_a_spec_may_not_say() -> None:
    with pytest.raises(InputError, match=r"knows no board 'cytoon'.*cyton"):
        BrainFlowBoard("cytoon")
    with pytest.raises(InputError, match="unknown BrainFlow parameter"):
        BrainFlowBoard("synthetic", {"colour": "red"})
    with pytest.raises(InputError, match="ip_port is not usable"):
        BrainFlowBoard("synthetic", {"ip_port": "many"})
