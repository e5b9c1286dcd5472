"""Recordings: what goes in comes out, after a kill too; what is no recording is named."""

from __future__ import annotations

import json
import os
import resource
import signal
import stat
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joryu.errors import InputError, MismatchError
from joryu.labelling.devices import Attached, recording
from joryu.labelling.devices.device import Sample
from joryu.labelling.devices.recording import MAGIC, Recorder, read_recording
from joryu.labelling.devices.simulator import Simulator

SAMPLES = [Sample(10.0, "attention", 53.0), Sample(10.001953125, "raw", -21846.0), Sample(11.0, "delta", 2.0**24 - 1)]


def recorded(path: Path, *batches: list[Sample]) -> Path:
    recorder = Recorder(path, "simulator", clock=lambda: 9.5)
    for batch in batches:
        recorder.take(batch)
    recorder.close()
    return path


def test_what_goes_in_comes_out(tmp_path: Path) -> None:
    path = tmp_path / "signals" / "session.bin"
    recorder = Recorder(path, "thinkgear:/dev/rfcomm0", clock=lambda: 9.5)
    recorder.take(SAMPLES[:2])
    recorder.note("status", {"at": 10.5, "status": "lost", "reason": "nothing came for 5 s"})
    recorder.take(SAMPLES[2:])
    recorder.close()
    recorder.close()
    found = read_recording(path)
    assert found.samples == SAMPLES
    assert found.notes == [{"what": "status", "at": 10.5, "status": "lost", "reason": "nothing came for 5 s"}]
    assert [(header["device"], header["started"]) for header in found.headers] == [("thinkgear:/dev/rfcomm0", 9.5)]
    assert found.torn == 0


def test_the_format_is_as_documented(tmp_path: Path) -> None:
    """Read with nothing but the docstring."""
    data = recorded(tmp_path / "a.bin", SAMPLES).read_bytes()
    assert data[:9] == b"JORYUSIG1"
    at, names, samples, kinds = 9, {}, [], ""
    while at < len(data):
        kind, length = struct.unpack_from("<cI", data, at)
        payload = data[at + 5 : at + 5 + length]
        assert struct.unpack_from("<I", data, at + 5 + length)[0] == zlib.crc32(data[at : at + 5 + length])
        at += 5 + length + 4
        kinds += kind.decode()
        if kind == b"N":
            names[payload[0] + 256 * payload[1]] = payload[2:].decode()
        if kind == b"S":
            samples += [(names[n], when, value) for n, when, value in struct.iter_unpack("<Hdd", payload)]
        if kind == b"H":
            assert set(json.loads(payload)) == {"device", "started", "started_unix", "joryu"}
    assert kinds == "HNNNS"
    assert samples == [(sample.signal, sample.at, sample.value) for sample in SAMPLES]


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    path = recorded(tmp_path / "a.bin", SAMPLES)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_another_sitting_is_appended(tmp_path: Path) -> None:
    path = recorded(tmp_path / "a.bin", SAMPLES[:1])
    recorded(path, SAMPLES[1:])
    found = read_recording(path)
    assert found.samples == SAMPLES
    assert len(found.headers) == 2


@pytest.mark.parametrize("lost", [1, 4, 9, 30, 60])
def test_a_torn_end_costs_the_last_frame_alone(tmp_path: Path, lost: int) -> None:
    path = recorded(tmp_path / "a.bin", SAMPLES[:1], SAMPLES[1:2] * 5)
    whole = path.stat().st_size
    os.truncate(path, whole - lost)
    found = read_recording(path)
    assert found.samples == SAMPLES[:1]
    assert found.torn == 5 + 5 * 18 + 4 - lost
    recorded(path, SAMPLES[2:])  # going on cuts the torn frame off
    found = read_recording(path)
    assert (found.samples, found.torn) == ([SAMPLES[0], SAMPLES[2]], 0)


def test_a_long_torn_end_leaves_nothing_behind(tmp_path: Path) -> None:
    path = recorded(tmp_path / "a.bin", SAMPLES[:1], SAMPLES[1:2] * 1000)
    os.truncate(path, path.stat().st_size - 1)
    recorded(path, SAMPLES[2:])
    found = read_recording(path)
    assert (found.samples, found.torn) == ([SAMPLES[0], SAMPLES[2]], 0)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_damaged_byte_is_never_believed(tmp_path_factory: pytest.TempPathFactory, where: int, flip: int) -> None:
    path = recorded(tmp_path_factory.mktemp("damage") / "a.bin", *([sample] for sample in SAMPLES))
    data = bytearray(path.read_bytes())
    at = len(MAGIC) + where % (len(data) - len(MAGIC))
    data[at] ^= flip
    path.write_bytes(data)
    found = read_recording(path)
    assert found.samples == SAMPLES[: len(found.samples)]
    assert found.torn > 0


@pytest.mark.slow
def test_cut_anywhere_it_can_be_read_and_continued(tmp_path: Path) -> None:
    data = recorded(tmp_path / "a.bin", *([sample] for sample in SAMPLES)).read_bytes()
    for size in range(len(data)):
        path = tmp_path / "cut.bin"
        path.write_bytes(data[:size])
        left = read_recording(path).samples
        assert left == SAMPLES[: len(left)]
        recorded(path, SAMPLES[2:])
        assert read_recording(path).samples == [*left, SAMPLES[2]]


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_a_kill_loses_nothing_that_was_taken(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from joryu.labelling.devices import Recorder, Sample\n"
        "recorder = Recorder(Path(sys.argv[1]), 'simulator'); n = 0\n"
        "while True:\n"
        "    recorder.take([Sample(float(n), 'raw', float(n))]); n += 1\n"
        "    if n % 100 == 0: sys.stdout.write(f'{n}\\n'); sys.stdout.flush()\n"
    )
    path = tmp_path / "a.bin"
    with subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = [int(process.stdout.readline()) for _ in range(20)][-1]
        process.send_signal(signal.SIGKILL)
    samples = read_recording(path).samples
    assert len(samples) >= told == 2000
    assert samples == [Sample(float(n), "raw", float(n)) for n in range(len(samples))]


def test_what_is_no_recording_is_named_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("dear diary, today")
    with pytest.raises(InputError, match="no recording of signals"):
        read_recording(path)
    with pytest.raises(InputError, match="no recording of signals"):
        Recorder(path)
    assert path.read_text() == "dear diary, today"
    with pytest.raises(InputError, match="cannot read"):
        read_recording(tmp_path / "absent.bin")
    path.write_bytes(b"JORYUSIG2 and something new")
    with pytest.raises(MismatchError, match="another Joryu"):
        read_recording(path)


# --- a full disk ----------------------------------------------------------------------------------------------------


@contextmanager
def disk_is_full_at(size: int) -> Iterator[None]:
    """The system takes no byte of a file beyond ``size``, and of what is written across it the part before."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def until(true: Callable[[], object]) -> bool:
    """Wait for something that should happen; whether it has."""
    end = time.monotonic() + 20
    while not true() and time.monotonic() < end:
        time.sleep(0.01)
    return bool(true())


def second(n: int) -> list[Sample]:
    return [Sample(n + at / 100, "raw", float(at)) for at in range(100)]


def test_a_recorder_goes_on_once_there_is_space_again_and_lacks_nothing(tmp_path: Path) -> None:
    path = tmp_path / "session.bin"
    recorder = Recorder(path, "simulator")
    recorder.take(second(0))
    with disk_is_full_at(path.stat().st_size + 77):  # in the midst of a frame
        for n in (1, 2):
            with pytest.raises(OSError, match="too large"):
                recorder.take(second(n))
        with pytest.raises(OSError, match="too large"):
            recorder.take([Sample(2.5, "attention", 53.0)])  # a signal that has no number yet
        with pytest.raises(OSError, match="too large"):
            recorder.note("status", {"status": "lost"})
        assert read_recording(path).samples == second(0)
    recorder.take(second(3))
    recorder.close()
    found = read_recording(path)
    assert found.samples == [*second(0), *second(1), *second(2), Sample(2.5, "attention", 53.0), *second(3)]
    assert (found.notes, found.torn) == ([{"what": "status", "status": "lost"}], 0)


def test_a_recorder_that_begins_on_a_full_disk_begins_once_there_is_space(tmp_path: Path) -> None:
    path = tmp_path / "session.bin"
    with disk_is_full_at(4):
        recorder = Recorder(path, "simulator")
        with pytest.raises(OSError, match="too large"):
            recorder.take(second(0))
    recorder.close()
    found = read_recording(path)
    assert (found.samples, found.torn, len(found.headers)) == (second(0), 0, 1)


def test_what_a_full_disk_is_too_long_for_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "MOST_WAITING", 5000)
    path = tmp_path / "session.bin"
    recorder = Recorder(path)
    with disk_is_full_at(path.stat().st_size):
        for n in range(6):
            with pytest.raises(OSError, match="too large"):
                recorder.take(second(n))
    recorder.take(second(6))
    recorder.close()
    found = read_recording(path)
    assert found.samples == [*second(0), *second(1), *second(6)]
    assert found.notes == [{"what": "dropped", "samples": 400, "first": 2.0, "last": 5.99}]


def test_what_a_recorder_has_to_leave_unwritten_is_told_at_its_end(tmp_path: Path) -> None:
    path = tmp_path / "session.bin"
    recorder = Recorder(path)
    with disk_is_full_at(path.stat().st_size + 9):
        with pytest.raises(OSError, match="too large"):
            recorder.take(second(1))
        with pytest.raises(OSError, match="too large"):
            recorder.close()
    assert read_recording(path).samples == []
    Recorder(path).close()  # what is torn is cut
    assert (len(read_recording(path).headers), read_recording(path).torn) == (2, 0)


def test_a_sitting_is_recorded_on_after_a_full_disk(tmp_path: Path) -> None:
    """The whole way: the device is read on meanwhile, its state says so, and then says nothing any more."""
    path = tmp_path / "session.bin"
    with Attached(Simulator(1), sinks=[Recorder(path)]) as attached:
        assert attached.wait_for_data(20)
        with disk_is_full_at(path.stat().st_size + 50):
            assert until(lambda: "Recorder waits" in str(attached.state().reason))
            packets = attached.state().packets
            assert until(lambda: attached.state().packets > packets + 100)
        assert until(lambda: attached.state().reason is None)
    raws = [sample for sample in read_recording(path).samples if sample.signal == "raw"]
    assert len(raws) > 100
    simulated = Simulator(1)
    expected = [r.value for _ in range(2 + len(raws) // 512) for r in simulated.second() if r.signal == "raw"]
    assert [sample.value for sample in raws] == expected[: len(raws)]  # none is missing
