"""Signals are health data: nothing of them is printed or logged, whatever the level."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from joryu.labelling.devices import Attached, DeviceLostError, Recorder, open_device


def test_nothing_is_said_of_what_is_measured(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    device = open_device("simulator:seed=1")
    with Attached(device, sinks=[Recorder(tmp_path / "session.bin", device.name)]) as attached:
        assert attached.wait_for_data(10)
        attached.state()
        attached.device.close()  # a disconnection
    with Attached(open_device(f"thinkgear:{tmp_path}/port")) as attached:
        attached.wait_for_data(0.2)
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")


def test_an_error_names_the_device_and_no_number_it_measured() -> None:
    device = open_device("simulator:seed=1")
    with pytest.raises(DeviceLostError) as lost:
        device.read(0.1)
    assert not any(letter.isdigit() for letter in str(lost.value))
