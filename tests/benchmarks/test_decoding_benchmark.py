"""The comparison of decoding with a bare loop: what it reads, and that it refuses what it cannot measure."""

from pathlib import Path

import pytest
from benchmarks.decoding import FEWEST, Kind, measured
from benchmarks.larger_page import markdown
from picture_files import noise, save, write_files


def pictures(root: Path, n: int) -> Path:
    files = {f"folder/{'ab'[at % 2]}/{at:04}.jpg": save(noise(12, 10, seed=at), "JPEG") for at in range(n)}
    return write_files(root, files)


def test_a_kind_as_it_is_typed() -> None:
    assert Kind.of("parquet:/a:b/c@d@224") == Kind(Path("/a:b/c@d"), "parquet", 224)


def test_too_few_pictures_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="too few pictures to measure: 6 "):
        measured(Kind(pictures(tmp_path / "set", 6), "folder", 8), rounds=1, most=4000)


@pytest.mark.slow
def test_every_number_is_there(tmp_path: Path) -> None:
    kind = Kind(pictures(tmp_path / "set", FEWEST + 2), "folder", 8)
    found = measured(kind, rounds=1, most=FEWEST)
    assert (found["kind"], found["pictures"], found["set"]) == ("set as folder at 8", FEWEST, FEWEST + 2)
    assert all(value > 0 for name, value in found.items() if name != "kind")
    machine = {"cpu": "a", "cores": 1, "system": "b", "python": "c", "torch": "d"}
    page = markdown({"machine": machine, "command": "e", "pictures": "f", "decoding": [found]})
    assert f"| set as folder at 8 | {FEWEST} | {found['ours_per_second']:,} |" in page
