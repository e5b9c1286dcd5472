"""The heart-rate measurement, field by field and cut anywhere; the client's life is in the contract."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joryu.errors import InputError, MissingExtraError
from joryu.labelling.devices import Counts, Reading, heart_rate
from joryu.labelling.devices.heart_rate import BleHeartRate, HeartRate, parse_heart_rate

#: by hand from the Heart Rate Service: flags, rate, energy (LE), intervals (LE, 1/1024 s)
MEASUREMENTS = {
    "00 48": HeartRate(72),
    "01 2c 01": HeartRate(300),
    "02 48": HeartRate(72),  # the contact bit without its "is measured" bit says nothing
    "04 48": HeartRate(72, contact=False),
    "06 48": HeartRate(72, contact=True),
    "08 48 e8 03": HeartRate(72, energy_kj=1000),
    "10 48 00 04": HeartRate(72, intervals_s=(1.0,)),
    "10 48": HeartRate(72),
    "16 48 00 04 00 02 ff ff": HeartRate(72, contact=True, intervals_s=(1.0, 0.5, 65535 / 1024)),
    "1f 48 00 34 12 cd 03": HeartRate(72, contact=True, energy_kj=0x1234, intervals_s=(973 / 1024,)),
    "e0 48": HeartRate(72),  # reserved flags
    "00 48 ff ff": HeartRate(72),  # what no flag announces is not an interval
    "00 48 ff": HeartRate(72),
    # cut off: what is whole is read
    "10 48 00": HeartRate(72, cut=True),
    "10 48 00 04 00": HeartRate(72, intervals_s=(1.0,), cut=True),
    "16 48 00 04 00 02 ff": HeartRate(72, contact=True, intervals_s=(1.0, 0.5), cut=True),
    "08 48 e8": HeartRate(72, cut=True),
    "08 48": HeartRate(72, cut=True),
    "19 48 00 e8": HeartRate(72, cut=True),  # half of the energy, and no interval
    "18 48 e8 03": HeartRate(72, energy_kj=1000),
    "1f 48 00 34 12 cd": HeartRate(72, contact=True, energy_kj=0x1234, cut=True),
}


@pytest.mark.parametrize("data", MEASUREMENTS)
def test_every_field(data: str) -> None:
    assert parse_heart_rate(bytes.fromhex(data)) == MEASUREMENTS[data]


@pytest.mark.parametrize("data", ["", "00", "10", "01 48", "19 48"])
def test_half_a_rate_is_refused(data: str) -> None:
    with pytest.raises(InputError, match="cut off"):
        parse_heart_rate(bytes.fromhex(data))


@given(st.binary(max_size=40))
def test_noise_is_read_or_refused(data: bytes) -> None:
    try:
        found = parse_heart_rate(data)
    except InputError:
        return
    assert 0 <= found.beats_per_minute < 65536
    assert len(found.intervals_s) <= len(data) // 2


def test_half_an_interval_costs_that_interval_alone() -> None:
    """The rate and the whole interval arrive, and the packet counts as a bad one."""
    strap = BleHeartRate(bleak=object())
    found = strap._readings(bytes.fromhex("10 48 00 04 00"))
    assert found == [Reading("heart_rate", 72.0), Reading("rr_ms", 1000.0)]
    assert strap.counts == Counts(packets=1, bad=1)


def test_without_bleak_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(*_: object) -> None:
        raise MissingExtraError("bleak", "devices", "a heart-rate sensor")

    monkeypatch.setattr(heart_rate, "library", absent)
    with pytest.raises(MissingExtraError, match=r"joryu\[devices\]"):
        BleHeartRate()
