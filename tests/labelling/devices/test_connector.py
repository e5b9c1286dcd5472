"""The Connector's JSON: the guide's objects, binary before it, pieces of any size, and what is no JSON."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joryu.labelling.devices.device import Counts
from joryu.labelling.devices.signals import BANDS
from joryu.labelling.devices.thinkgear_tcp import MOST, ConnectorDecoder

KEYS = ("delta", "theta", "lowAlpha", "highAlpha", "lowBeta", "highBeta", "lowGamma", "highGamma")
POWERS = dict(zip(KEYS, range(1, 9), strict=True))
ESENSE = {"eSense": {"attention": 53, "meditation": 47}, "eegPower": POWERS, "poorSignalLevel": 0}
OBJECTS = [ESENSE, {"rawEeg": -21846}, {"blinkStrength": 55}, {"poorSignalLevel": 200, "status": "scanning"}]
READINGS = [("poor_signal", 0), ("attention", 53), ("meditation", 47), *zip(BANDS, range(1, 9), strict=True),
            ("raw", -21846), ("blink", 55), ("poor_signal", 200)]  # fmt: skip
STREAM = b"".join(json.dumps(found).encode() + b"\r" for found in OBJECTS)


def decoded(data: bytes) -> tuple[list[tuple[str, float]], ConnectorDecoder]:
    decoder = ConnectorDecoder()
    return [(signal, value) for signal, value, _ in decoder.feed(data)], decoder


def test_the_guides_objects() -> None:
    found, decoder = decoded(STREAM)
    assert found == READINGS
    assert decoder.counts == Counts(4, 0, 0)


def test_newlines_and_empty_lines_do_no_harm() -> None:
    found, decoder = decoded(STREAM.replace(b"\r", b"\r\n\r"))
    assert found == READINGS
    assert decoder.counts == Counts(4, 0, 0)


@pytest.mark.parametrize("before", [b"\xaa\xaa\x04\x80\x02\x00\x28\x55", b"\xaa\xaa\x01{\r\x7b}\r\xaa{", b"{\r{\r{"])
def test_binary_before_json_is_skipped(before: bytes) -> None:
    found, decoder = decoded(before + STREAM)
    assert found == READINGS
    assert decoder.bad == 0
    assert decoder.packets + decoder.skipped >= 4 + len(before) - 2  # {} is an object, if an empty one


def test_a_broken_line_costs_itself_alone() -> None:
    found, decoder = decoded(b'{"rawEeg":1}\r{"rawEeg":\r{"rawEeg":2}\r')
    assert found == [("raw", 1), ("raw", 2)]
    assert decoder.counts == Counts(2, 1, 11)


@pytest.mark.parametrize("value", ["true", '"53"', "null", "NaN", "Infinity", "[1]", '{"a":1}', "1" + "0" * 400])
def test_what_is_no_number_is_left_out(value: str) -> None:
    found, decoder = decoded(f'{{"rawEeg":{value},"eSense":{value},"eegPower":{value},"blinkStrength":7}}\r'.encode())
    assert found == [("blink", 7)]
    assert decoder.packets == 1


def test_depth_and_length_have_ends() -> None:
    assert decoded(b'{"a":' * 5000 + b"\r" + STREAM)[0] == READINGS
    decoder = ConnectorDecoder()
    for _ in range(100):
        decoder.feed(b"x" * 5000)
        assert len(decoder._rest) <= MOST
    decoder.feed(b"\r")
    assert [reading[:2] for reading in decoder.feed(STREAM)] == READINGS


@given(st.lists(st.integers(1, 50), min_size=1))
def test_the_pieces_do_not_matter(sizes: list[int]) -> None:
    decoder, found, at, turn = ConnectorDecoder(), [], 0, 0
    data = b"\xaa\xaa{\r" + STREAM
    while at < len(data):
        size = sizes[turn % len(sizes)]
        found += decoder.feed(data[at : at + size])
        at, turn = at + size, turn + 1
    assert [reading[:2] for reading in found] == READINGS


@given(st.lists(st.one_of(st.binary(max_size=30), st.just(STREAM), st.just(b"\r"))).map(b"".join))
def test_noise(data: bytes) -> None:
    found, decoder = decoded(data)
    assert len(found) <= len(data)
    assert decoder.skipped <= len(data) + decoder.bad + 1
