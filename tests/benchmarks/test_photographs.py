"""The photographs of the whole job: mixed in size, drawn by a seed, and none both enlarged and judged."""

import hashlib

import numpy as np
import pytest
from benchmarks.photographs import Making, make
from PIL import Image

MAKING = Making(photographs=30, sides=(40, 120))


@pytest.fixture
def originals(tmp_path):
    rng = np.random.default_rng(0)
    for name, count in (("apple", 20), ("cherry", 10)):
        (tmp_path / "leaves" / name).mkdir(parents=True)
        for number in range(count):
            picture = Image.fromarray(rng.integers(0, 256, (24, 24, 3), dtype=np.uint8))
            picture.save(tmp_path / "leaves" / name / f"{number}.jpg")
    return tmp_path / "leaves"


def opened(path):
    with Image.open(path) as picture:
        return picture.convert("RGB")


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.jpg")}


def test_photographs_are_as_many_as_asked_of_mixed_sizes_and_shared_out_as_the_originals(tmp_path, originals):
    make(originals, tmp_path / "made", MAKING)
    train = sorted((tmp_path / "made" / "train").rglob("*.jpg"))
    assert [sum(path.parent.name == name for path in train) for name in ("apple", "cherry")] == [20, 10]
    pictures = list(map(opened, train))
    sizes = [picture.size for picture in pictures]
    assert all(40 <= max(size) <= 120 for size in sizes)
    assert len(set(sizes)) > 20
    corners = np.stack([np.asarray(picture)[[0, 0, -1, -1], [0, -1, 0, -1]] for picture in pictures])
    assert (corners.max(axis=-1) < 3).mean() < 0.05  # turning leaves no black ones


def test_what_judges_is_an_original_that_was_never_enlarged(tmp_path, originals):
    twice = originals / "cherry" / "again.jpg"
    twice.write_bytes((originals / "apple" / "0.jpg").read_bytes())
    make(originals, tmp_path / "made", Making(photographs=26, test_share=0.5))
    test = contents(tmp_path / "made" / "test")
    known = {hashlib.sha256(path.read_bytes()).digest() for path in originals.rglob("*.jpg")}
    assert len(test) == len(set(test.values())) == 15  # of 30 different originals; the doubled one counts once
    assert {hashlib.sha256(content).digest() for content in test.values()} < known


def test_the_same_seed_makes_the_same_bytes_and_another_makes_others(tmp_path, originals):
    for name, seed in (("one", 0), ("again", 0), ("other", 1)):
        make(originals, tmp_path / name, Making(photographs=12, seed=seed))
    one, again, other = (contents(tmp_path / name) for name in ("one", "again", "other"))
    assert one == again
    assert set(one.values()) != set(other.values())


def test_what_was_made_is_kept_and_other_wishes_are_refused(tmp_path, originals):
    make(originals, tmp_path / "made", MAKING)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "made").rglob("*")}
    make(originals, tmp_path / "made", MAKING)
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "made").rglob("*")}
    with pytest.raises(SystemExit, match="holds other photographs"):
        make(originals, tmp_path / "made", Making(photographs=31))
    (originals / "apple" / "0.jpg").unlink()
    with pytest.raises(SystemExit, match="holds other photographs"):
        make(originals, tmp_path / "made", MAKING)


def test_a_folder_of_somebody_elses_is_left_alone(tmp_path, originals):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(SystemExit, match="holds something else"):
        make(originals, tmp_path / "mine", MAKING)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"
    with pytest.raises(SystemExit, match="no photographs in class folders"):
        make(tmp_path / "mine", tmp_path / "made", MAKING)
