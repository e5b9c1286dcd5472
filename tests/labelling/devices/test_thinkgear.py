"""The ThinkGear parser: the guide's vectors, a real capture, streams that lose bytes, and bytes that mean nothing."""

from __future__ import annotations

import math
import random
import struct
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joryu.labelling.devices.device import Counts, Reading
from joryu.labelling.devices.signals import BANDS
from joryu.labelling.devices.thinkgear import MOST, Parser, as_percent

A = bytes.fromhex("aaaa080220017e04120560e3")
A_READINGS = [("poor_signal", 32), ("battery", 126), ("attention", 18), ("meditation", 96)]
B_READINGS = [
    ("poor_signal", 0),
    *zip(BANDS, (148, 66, 11, 100, 77, 61, 7, 5), strict=True),
    ("attention", 13),
    ("meditation", 61),
]

#: name: bytes, readings, (packets, bad), (truncated rows, unknown rows)
VECTORS = {
    "A": (A, A_READINGS, (1, 0), (0, 0)),
    "B": (
        bytes.fromhex("aaaa200200831800009400004200000b00006400004d00003d000007000005040d053d34"),
        B_READINGS, (1, 0), (0, 0),
    ),
    "C": (bytes.fromhex("aaaa048002002855"), [("raw", 40)], (1, 0), (0, 0)),
    "D": (bytes.fromhex("aaaa048002ffff7f"), [("raw", -1)], (1, 0), (0, 0)),
    "E": (bytes.fromhex("aaaa048002f80085"), [("raw", -2048)], (1, 0), (0, 0)),
    "F": (bytes.fromhex("aaaa048002aaaa29"), [("raw", -21846)], (1, 0), (0, 0)),
    "G": (bytes.fromhex("aaaa00ff"), [], (1, 0), (0, 0)),
    "H": (bytes.fromhex("aaaa02ba0441"), [], (1, 0), (1, 0)),
    "I": (bytes.fromhex("aaaa02bc043f"), [], (1, 0), (1, 0)),
    "J": (bytes.fromhex("aaaa0555046304122d"), [("attention", 18)], (1, 0), (0, 1)),
    "K": (bytes.fromhex("aaaa0304125594"), [("attention", 18)], (1, 0), (1, 0)),
    "L": (bytes.fromhex("aaaa079003010203043230"), [("attention", 50)], (1, 0), (0, 1)),
    "M": (bytes.fromhex("aaaa0602c8040005002c"), [("poor_signal", 200), ("attention", 0), ("meditation", 0)],
          (1, 0), (0, 0)),
    "O, three sync bytes": (b"\xaa" + A, A_READINGS, (1, 0), (0, 0)),
    "O, five sync bytes": (b"\xaa\xaa\xaa" + A, A_READINGS, (1, 0), (0, 0)),
    "P": (A[:-1] + b"\x00" + A, A_READINGS, (1, 1), (0, 0)),
    "Q": (A[:7] + A + A, 2 * A_READINGS, (2, 1), (0, 0)),
}  # fmt: skip


def packet(payload: bytes) -> bytes:
    return b"\xaa\xaa" + bytes([len(payload)]) + payload + bytes([~sum(payload) & 0xFF])


def parsed(data: bytes) -> tuple[list[tuple[str, float]], Parser]:
    parser = Parser()
    readings = parser.feed(data) + parser.finish()
    assert all(reading.device_time is None for reading in readings)
    return [(reading.signal, reading.value) for reading in readings], parser


@pytest.mark.parametrize("name", VECTORS)
def test_the_guides_vectors(name: str) -> None:
    data, readings, (packets, bad), (truncated, unknown) = VECTORS[name]
    found, parser = parsed(data)
    assert found == readings
    assert parser.counts[:2] == (packets, bad)
    assert (parser.truncated, parser.unknown) == (truncated, unknown)


def test_vector_n_lengths() -> None:
    """169 bytes are a packet; 170 is a third sync byte; 171 and 255 are none. The stream goes on after each."""
    longest = packet(b"\x90\xa7" + bytes(167))
    assert len(longest) == MOST + 4
    found, parser = parsed(longest + A)
    assert (found, parser.counts, parser.unknown) == (A_READINGS, Counts(2, 0, 0), 1)
    for length in (170, 171, 255):
        payload = b"\x90" + bytes([length - 2]) + bytes(length - 2)
        found, parser = parsed(packet(payload) + A)
        assert found == A_READINGS
        # After three sync bytes 0x90 reads as a length, and the checksum is not there.
        assert parser.counts == Counts(1, int(length == 170), length + 4)


def test_other_rows() -> None:
    found, _ = parsed(packet(bytes.fromhex("0348061007011637") + bytes([0x86, 2, 0x03, 0x20])))
    assert found == [("heart_rate", 72), ("raw_8bit", 16), ("raw_marker", 1), ("blink", 55), ("rr_ms", 800)]
    powers = (1.5, 0.25, math.nan, 4.0, 5.0, math.inf, 7.0, 8.0)
    found, _ = parsed(packet(b"\x81\x20" + struct.pack(">8f", *powers)))
    assert found == [(f"power_{b}", p) for b, p in zip(BANDS, powers, strict=True) if math.isfinite(p)]


def test_a_known_code_of_another_length_or_level_is_another_value() -> None:
    found, parser = parsed(packet(b"\x80\x03\x00\x00\x28\x55\x55\x80\x02\x00\x28\x04\x32"))
    assert found == [("attention", 50)]
    assert parser.unknown == 2


def test_a_packet_hidden_by_an_unfinished_start_comes_out_at_the_end() -> None:
    parser = Parser()
    assert parser.feed(b"\xaa\xaa\xa0" + A) == []
    assert [reading[:2] for reading in parser.finish()] == A_READINGS
    assert parser.feed(A[3:]) == []  # and nothing of the old stream is left
    assert [reading[:2] for reading in parser.feed(A)] == A_READINGS


def test_battery_in_percent() -> None:
    assert as_percent([Reading("battery", 126.0)])[0].value == pytest.approx(99.2126, abs=1e-4)
    assert as_percent([Reading("raw", 127.0)]) == [Reading("raw", 127.0)]


# --- pieces ---------------------------------------------------------------------------------------------------------

#: streams with all that can happen: whole packets, their beginnings, sync bytes, noise
PIECES = st.one_of(
    st.sampled_from([data for data, *_ in VECTORS.values()]),
    st.binary(max_size=40).map(packet),
    st.binary(min_size=150, max_size=180).map(lambda payload: b"\xaa\xaa" + bytes([len(payload)]) + payload),
    st.sampled_from([b"\xaa", b"\xaa\xaa", b"\xaa\xaa\x08", b"\xaa\xaa\xaa"]),
    st.binary(max_size=20),
)
STREAMS = st.lists(PIECES, max_size=12).map(b"".join)


@given(STREAMS, st.lists(st.integers(1, 60), min_size=1, max_size=20))
def test_the_pieces_do_not_matter(data: bytes, sizes: list[int]) -> None:
    whole, once = parsed(data)
    parser, found, at, turn = Parser(), [], 0, 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        found += parser.feed(data[at : at + size])
        at, turn = at + size, turn + 1
    found += parser.finish()
    assert [reading[:2] for reading in found] == whole
    assert (parser.counts, parser.truncated, parser.unknown) == (once.counts, once.truncated, once.unknown)


@given(STREAMS)
def test_every_byte_is_in_a_packet_or_skipped(data: bytes) -> None:
    parser = Parser()
    parser.feed(data)
    parser.finish()
    in_packets = len(data) - parser.skipped
    assert 4 * parser.packets <= in_packets <= (MOST + 4) * parser.packets


@given(STREAMS)
def test_what_the_guides_machine_accepts_is_accepted(data: bytes) -> None:
    ours = Counter(parsed(data)[0])
    theirs = Counter(reading for payload in spec_machine(data) for reading in parsed(packet(payload))[0])
    assert theirs <= ours


@settings(max_examples=30)
@given(st.binary(max_size=3000))
def test_noise(data: bytes) -> None:
    readings, parser = parsed(data)
    assert len(readings) <= len(data)
    assert parser.packets * 4 + parser.skipped <= len(data) + parser.bad


def test_ten_million_random_bytes() -> None:
    generator, parser = random.Random(7), Parser()
    for _ in range(1000):
        parser.feed(generator.randbytes(10_000))
        assert len(parser._rest) < MOST + 4
    parser.finish()
    assert parser.bad > 50  # a start in 65,536 bytes, and most of them have a length
    assert parser.skipped <= 10_000_000


def test_a_million_bytes_that_are_full_of_starts() -> None:
    often_sync = bytes(byte if byte < 0xC0 else 0xAA for byte in range(256))  # or hardly anything looks like a packet
    data = random.Random(5).randbytes(1_000_000).translate(often_sync)
    parser = Parser()
    for at in range(0, len(data), 997):
        parser.feed(data[at : at + 997])
        assert len(parser._rest) < MOST + 4
    assert parser.packets > 0
    assert parser.bad > 100
    whole = Parser()
    whole.feed(data)
    assert parser.counts == whole.counts


# --- a real headset -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def capture(in_real_data: Callable[[str], Path]) -> bytes:
    return in_real_data("neurosky/serial_capture.bin").read_bytes()


def test_the_real_capture(capture: bytes) -> None:
    parser = Parser()
    readings = parser.feed(capture)
    assert parser.counts == Counts(packets=82_712, bad=0, skipped=0)
    assert (parser.truncated, parser.unknown) == (0, 0)
    names = Counter(reading.signal for reading in readings)
    assert names == {"raw": 82_551} | dict.fromkeys(("poor_signal", "attention", "meditation", *BANDS), 161)
    assert parser.finish() == []
    assert parser.counts == Counts(packets=82_712, bad=0, skipped=5)  # it is cut inside a packet
    assert all(0 <= reading.value <= 100 for reading in readings if reading.signal == "attention")


# --- streams that lose bytes ----------------------------------------------------------------------------------------


def spec_machine(data: bytes) -> list[bytes]:
    """The payloads the guide's state machine accepts; what it has read of a failed packet is gone."""
    found, at = [], 0
    while at < len(data):
        if data[at] != 0xAA or data[at + 1 : at + 2] != b"\xaa":
            at += 1 if data[at] != 0xAA else 2
            continue
        at += 2
        while at < len(data) and data[at] == 170:
            at += 1
        if at >= len(data):
            break
        length, at = data[at], at + 1
        if length > 170:
            continue
        if at + length >= len(data):
            break
        payload, checksum = data[at : at + length], data[at + length]
        at += length + 1
        if ~sum(payload) & 0xFF == checksum:
            found.append(payload)
    return found


@pytest.mark.parametrize(("loss", "ours", "theirs"), [(0.01, 0.92, 0.78), (0.05, 0.67, 0.34)])
def test_recovery(loss: float, ours: float, theirs: float) -> None:
    generator = random.Random(11)
    level, packets = 0.0, []
    for _ in range(60 * 512):  # a minute: raw values as an electrode gives them
        level = 0.98 * level + generator.gauss(0, 10)
        packets.append(packet(b"\x80\x02" + struct.pack(">h", round(level))))
    stream = b"".join(packets)
    assert len(spec_machine(stream)) == len(packets)
    left = bytes(byte for byte in stream if generator.random() >= loss)
    _, parser = parsed(left)
    assert parser.packets / len(packets) == pytest.approx(ours, abs=0.015)
    assert len(spec_machine(left)) / len(packets) == pytest.approx(theirs, abs=0.03)


def test_recovery_of_the_real_capture(capture: bytes) -> None:
    generator = random.Random(2)
    left = bytes(byte for byte in capture if generator.random() >= 0.01)
    _, parser = parsed(left)
    assert parser.packets / 82_712 == pytest.approx(0.92, abs=0.01)
    assert len(spec_machine(left)) / 82_712 < 0.82
