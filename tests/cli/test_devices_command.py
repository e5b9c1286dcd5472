"""``joryu devices`` as a user types it: what there is, what a device says, how it ends."""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from command_line import run

from joryu.labelling.devices import Attached, DeviceState, Recorder, Sample, read_recording, view


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Half a second of attention 53, played through within the first line of the view."""
    recorder = Recorder(tmp_path / "session.bin")
    for n in range(6):
        recorder.take([Sample(n / 10, "poor_signal", 0.0), Sample(n / 10, "attention", 53.0)])
    recorder.close()
    return tmp_path / "session.bin"


@pytest.fixture
def watching_once(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Attached], object]], None]:
    """Have ``--seconds`` begin only once something is so: the device is read by another thread."""
    real = view.watch

    def once(true: Callable[[Attached], object]) -> None:
        def watch(attached: Attached, seconds: float | None, **how: float) -> Iterator[DeviceState]:
            end = time.monotonic() + 60
            while not true(attached):
                assert time.monotonic() < end, attached.state()
                time.sleep(0.02)
            return real(attached, seconds, **how)

        monkeypatch.setattr(view, "watch", watch)

    return once


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "devices", "list")
    assert code == 0
    for usage in ("thinkgear:PORT", "thinkgear-tcp[:HOST:PORT]", "heart-rate[:ADDRESS]", "lsl:NAME", "simulator[:seed"):
        assert usage in out
    code, out, _ = run(capsys, "devices", "list", "--json")
    found = json.loads(out)
    assert code == 0
    assert [kind["name"] for kind in found["kinds"]][-1] == "simulator"
    assert all(set(port) == {"spec", "what"} and port["spec"].startswith("thinkgear:") for port in found["ports"])


def test_list_says_what_is_absent_and_names_the_ports(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib.util

    import serial.tools.list_ports
    from serial.tools.list_ports_common import ListPortInfo

    port = ListPortInfo("/dev/rfcomm0", skip_link_detection=True)
    port.description = "MindWave Mobile"
    monkeypatch.setattr(serial.tools.list_ports, "comports", lambda: [port])
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "bleak" else real(name, *rest))
    _, out, _ = run(capsys, "devices", "list")
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert 'absent: pip install "joryu[devices]"' in lines["heart-rate[:ADDRESS]"]
    assert "absent" not in lines["simulator[:seed=N]"]
    assert lines["thinkgear:/dev/rfcomm0"].endswith("serial port: MindWave Mobile")


def test_watch_to_the_end_of_a_recording(capsys: pytest.CaptureFixture[str], recording: Path) -> None:
    code, out, err = run(capsys, "devices", "watch", f"replay:{recording}")
    assert (code, err) == (0, "")
    assert out.splitlines()[-1] == (
        "ended  signal good  attention 53  meditation –  heart rate –  6 packets, 0 bad  the recording is over"
    )


@pytest.mark.slow
def test_watch_as_json_and_record(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, watching_once: Callable[..., None]
) -> None:
    path = tmp_path / "kept.bin"
    watching_once(lambda attached: attached.state().bands and attached.state().packets > 600)
    code, out, _ = run(capsys, "devices", "watch", "simulator:seed=2", "--seconds", 1.5, "--json", "--record", path)
    assert code == 0
    states = [json.loads(line) for line in out.splitlines()]
    assert len(states) >= 2
    assert states[-1]["status"] == "connected"
    assert 1 <= states[-1]["attention"] <= 100
    assert set(states[-1]["bands"]) >= {"delta", "mid_gamma"}
    samples = read_recording(path).samples
    assert len([sample for sample in samples if sample.signal == "raw"]) > 512


def test_nothing_came(capsys: pytest.CaptureFixture[str], tmp_path: Path, watching_once: Callable[..., None]) -> None:
    watching_once(lambda attached: attached.state().reason)
    code, out, err = run(capsys, "devices", "watch", f"thinkgear:{tmp_path}/port", "--seconds", 0.2)
    assert code == 1
    assert out.startswith("waiting  signal –")
    assert err.startswith(f"nothing came from thinkgear:{tmp_path}/port: cannot open {tmp_path}/port (received No such")
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("spec", "hint"),
    [
        ("simulatr", "did you mean simulator[:seed=N]?"),
        ("/dev/rfcomm0", "did you mean thinkgear:/dev/rfcomm0?"),
        ("replay:absent.bin", "cannot read absent.bin (received No such file or directory)"),
    ],
)
def test_a_wrong_spec_gets_one_line(capsys: pytest.CaptureFixture[str], spec: str, hint: str) -> None:
    code, out, err = run(capsys, "devices", "watch", spec)
    assert (code, out) == (2, "")
    assert hint in err
    assert len(err.splitlines()) == 1


def test_a_recording_over_another_file_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "thesis.txt"
    path.write_text("my only copy")
    code, _, err = run(capsys, "devices", "watch", "simulator", "--record", path, "--seconds", 1)
    assert code == 2
    assert "no recording of signals" in err
    assert path.read_text() == "my only copy"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal and SIGINT")
def test_in_a_terminal_it_is_live_and_ends_cleanly_at_ctrl_c() -> None:
    master, slave = os.openpty()
    program = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a background job ignores it
        "from joryu.cli import main; main(['devices', 'watch', 'simulator'])"
    )
    command = [sys.executable, "-c", program]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "40"}
    shown = b""
    with subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environment) as process:
        os.close(slave)
        end = time.monotonic() + 60
        while b"high alpha" not in shown and time.monotonic() < end:
            if select.select([master], [], [], 0.2)[0]:
                shown += os.read(master, 65536)
        process.send_signal(signal.SIGINT)
        while time.monotonic() < end:
            try:
                shown += os.read(master, 65536)
            except OSError:  # its other end is closed
                break
        assert process.wait(timeout=60) == 0
    os.close(master)
    assert b"attention" in shown
    assert b"Traceback" not in shown
    assert shown.rstrip().endswith(b"stopped")


def test_what_was_not_recorded_is_told_at_the_end(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, watching_once: Callable[..., None]
) -> None:
    watching_once(lambda attached: attached.wait_for_data(60))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        code, out, err = run(capsys, "devices", "watch", "simulator", "--record", tmp_path / "s.bin", "--seconds", 0.2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (code, err) == (1, "Recorder lost what it could not write: File too large\n")
    assert "connected" in out
