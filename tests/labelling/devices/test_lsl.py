"""The Lab Streaming Layer: what an outlet sends is what an inlet reads, on our clock."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from joryu.errors import MissingExtraError
from joryu.labelling.devices import Attached, Status
from joryu.labelling.devices.device import DeviceLostError, Reading, Sample
from joryu.labelling.devices.lsl_inlet import LslInlet, _signals
from joryu.labelling.devices.lsl_outlet import LslOutlet

try:
    from joryu.labelling.devices.device import library

    lsl: Any = library("pylsl", "pylsl", "this test")
except MissingExtraError as error:
    pytest.skip(f"liblsl is absent: {error}", allow_module_level=True)

NAME = f"joryu-test-{os.getpid()}"


@pytest.fixture
def outlet() -> Iterator[LslOutlet]:
    made = LslOutlet(NAME, ("attention", "raw"))
    yield made
    made.close()


def opened(spec: LslInlet) -> LslInlet:
    try:
        spec.open()
    except DeviceLostError:
        pytest.skip("this machine's network has no multicast, which LSL needs to find a stream")
    return spec


def test_there_and_back(outlet: LslOutlet) -> None:
    inlet = opened(LslInlet(NAME))
    now = time.monotonic()
    sent = [Sample(now, "attention", 53.0), Sample(now, "raw", -3.0), Sample(now + 0.25, "raw", 5.0),
            Sample(now + 0.25, "raw", 7.0), Sample(now + 0.25, "heart_rate", 70.0)]  # fmt: skip
    outlet.take([*sent, Sample(now + 0.25, "attention", math.inf)])  # what a sender may send, and no number is
    outlet.note("status", {})
    found: list[Reading] = []
    end = time.monotonic() + 10
    while len(found) < 4 and time.monotonic() < end:
        found += inlet.read(0.2)
    assert [reading[:2] for reading in found] == [("attention", 53.0), ("raw", -3.0), ("raw", 5.0), ("raw", 7.0)]
    ahead = lsl.local_clock() - time.monotonic()
    times = [(reading.device_time or math.nan) - ahead - now for reading in found]
    assert times == pytest.approx([0, 0, 0.25, 0.25], abs=1.0)  # between two looks at two clocks a machine may be busy
    assert [at - times[0] for at in times] == pytest.approx([0, 0, 0.25, 0.25], abs=0.02)
    assert inlet.counts.packets == 3
    inlet.close()


def test_a_sender_whose_clock_is_set_back_loses_nothing(outlet: LslOutlet) -> None:
    """A hundred rows a second, for two seconds; in the middle the sender's clock goes back by ten seconds."""
    opened(LslInlet(NAME)).close()
    kept: list[Sample] = []
    sink: Any = SimpleNamespace(take=kept.extend, note=lambda *_: None, close=lambda: None)
    with Attached(LslInlet(NAME), sinks=[sink]) as attached:
        end = time.monotonic() + 20
        while (
            attached.state().status is not Status.CONNECTED and time.monotonic() < end
        ):  # what is sent before is nobody's
            outlet.take([Sample(time.monotonic(), "raw", -1.0)])
            time.sleep(0.05)
        began = time.monotonic()
        for row in range(200):
            now = time.monotonic()
            outlet.take([Sample(now - 10 * (row >= 100), "raw", now - began)])
            time.sleep(0.01)
        end = time.monotonic() + 20
        while not (kept and kept[-1].value == now - began) and time.monotonic() < end:
            time.sleep(0.05)
        state = attached.state()
    found = [sample for sample in kept if sample.value >= 0]
    assert len(found) == 200
    assert len({sample.at for sample in found}) == 200
    assert max(abs(sample.at - began - sample.value) for sample in found) < 5.0  # this machine may be busy
    assert (state.clock_steps, "its clock stepped back by" in str(state.reason)) == (1, True)


@pytest.mark.slow
def test_found_by_type_and_read_as_nothing_when_nothing_comes(outlet: LslOutlet) -> None:
    inlet = opened(LslInlet(f"joryu-{NAME}", "source_id"))
    assert inlet.read(0.05) == []
    assert inlet.name == f"lsl:source_id=joryu-{NAME}"
    inlet.close()
    with pytest.raises(DeviceLostError, match="no LSL stream"):
        LslInlet("joryu-nobody-sends-this").open()


def test_the_names_of_channels() -> None:
    info = lsl.StreamInfo("x", "EEG", 4, 0, lsl.cf_double64, "x")
    assert _signals(info) == ("eeg_1", "eeg_2", "eeg_3", "eeg_4")
    channels = info.desc().append_child("channels")
    for label in ("Fp1 (left)", "Attention", "Attention"):
        channels.append_child("channel").append_child_value("label", label)
    assert _signals(info) == ("fp1_left", "attention_2", "attention_3", "eeg_4")
