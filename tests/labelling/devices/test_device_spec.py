"""Specs: what they make, and what a wrong one hears."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from joryu.errors import InputError, MissingExtraError
from joryu.labelling.devices import FAMILIES, open_device


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("thinkgear:/dev/rfcomm0", "thinkgear:/dev/rfcomm0"),
        ("thinkgear:socket://127.0.0.1:5000", "thinkgear:socket://127.0.0.1:5000"),
        ("thinkgear-tcp", "thinkgear-tcp:127.0.0.1:13854"),
        ("thinkgear-tcp:otherhost", "thinkgear-tcp:otherhost:13854"),
        ("thinkgear-tcp:127.0.0.1:99", "thinkgear-tcp:127.0.0.1:99"),
        ("heart-rate", "heart-rate"),
        ("heart-rate:AA:BB:CC:DD:EE:FF", "heart-rate:AA:BB:CC:DD:EE:FF"),
        ("simulator", "simulator:seed=0"),
        ("simulator:seed=7", "simulator:seed=7"),
        ("brainflow:synthetic", "brainflow:synthetic"),
        ("brainflow:cyton,serial_port=/dev/ttyUSB0", "brainflow:cyton,serial_port=/dev/ttyUSB0"),
        ("lsl:SendData", "lsl:SendData"),
        ("lsl:type=EEG", "lsl:type=EEG"),
    ],
)
def test_what_a_spec_makes(spec: str, name: str) -> None:
    family = FAMILIES[spec.partition(":")[0]]
    if not family.installed:
        pytest.skip(f"{family.module} is absent")
    try:
        assert open_device(spec).name == name
    except MissingExtraError as error:  # its package is here, what it stands on is not
        pytest.skip(str(error))


def test_replay_takes_names_with_commas(tmp_path: Path) -> None:
    path = tmp_path / "a,b=c,d.bin"
    path.write_bytes(b"")
    assert open_device(f"replay:{path},speed=2,loop=yes").name == f"replay:{path},speed=2,loop=yes"
    assert open_device(f"replay:{path}").name == f"replay:{path}"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("thinkgaer:/dev/rfcomm0", "did you mean thinkgear:PORT?"),
        ("Simulator", "did you mean simulator[:seed=N]?"),
        ("/dev/rfcomm0", "did you mean thinkgear:/dev/rfcomm0?"),
        ("COM5", "did you mean thinkgear:COM5?"),
        ("socket://127.0.0.1:5000", "did you mean thinkgear:socket://127.0.0.1:5000?"),
        ("", "expected thinkgear:PORT"),
        ("thinkgear", "thinkgear needs a port"),
        ("thinkgear-tcp:localhost:", "1 to 65535"),
        ("thinkgear-tcp:localhost:99999", "1 to 65535"),
        ("lsl:", "lsl needs the name of a stream"),
        ("lsl:type=", "lsl needs the name of a stream"),
        ("replay:", "replay needs a file"),
        ("replay:x.bin,sped=2", "did you mean speed=…?"),
        ("replay:x.bin,speed=fast", "speed is not usable"),
        ("replay:x.bin,loop=maybe", "expected yes or no"),
        ("replay:absent.bin", "cannot read absent.bin"),
        ("simulator:seed=x", "simulator:seed=N"),
        ("simulator:seed=-1", "simulator:seed=N"),
        ("simulator:7", "simulator:seed=N"),
        ("simulator:sed=7", "did you mean seed=…?"),
    ],
)
def test_what_a_wrong_one_hears(spec: str, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        open_device(spec)


def test_a_file_is_taken_for_a_recording(tmp_path: Path) -> None:
    path = tmp_path / "session.bin"
    path.write_bytes(b"")
    with pytest.raises(InputError, match=f"did you mean replay:{path}"):
        open_device(str(path))


@pytest.mark.parametrize(
    ("spec", "module"),
    [("thinkgear:COM5", "serial"), ("heart-rate", "bleak"), ("lsl:x", "pylsl"), ("brainflow:synthetic", "brainflow")],
)
def test_a_missing_library_names_its_extra(monkeypatch: pytest.MonkeyPatch, spec: str, module: str) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    real = importlib.import_module

    def absent(name: str, *rest: Any) -> Any:
        if name.partition(".")[0] == module:
            raise ModuleNotFoundError(name)
        return real(name, *rest)

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(MissingExtraError, match=re.escape('pip install "joryu[devices]"')):
        open_device(spec)
