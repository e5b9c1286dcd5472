"""Pictures that are more than is held in memory: the same examples, decoded when they are asked for."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from picture_files import noise, save, write_files
from PIL import Image

from joryu.errors import InputError
from joryu.examples import Examples, load_examples, parse_views, prepared, split_examples
from joryu.examples import picture as reading
from joryu.examples.inputs import is_held, memory_for_inputs
from joryu.examples.picture import Picture, SizeNeededError
from joryu.examples.picture_source import PictureSource
from joryu.examples.preparation import PicturePreparation
from joryu.examples.repeats import find_copies, find_repeats

HELD, ON_DEMAND = "1GiB", "1K"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "joryu"


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The names of pictures that a look opens."""
    from joryu.examples import picture_entry

    names: list[str] = []
    honest = picture_entry.read_picture

    def counted(picture: object, size: int | None) -> object:
        names.append(picture.name)  # type: ignore[attr-defined]
        return honest(picture, size)  # type: ignore[arg-type]

    monkeypatch.setattr(picture_entry, "read_picture", counted)
    yield names


def photographs(root: Path, *, n: int = 12) -> Path:
    """Class folders with pictures of several sizes, a grey one, a copy, the same saved again, and a damaged one."""
    files = {f"{'ab'[at % 2]}/{at:02}.png": save(noise(20 + at, 30 - at, seed=at), "PNG") for at in range(n)}
    files["a/grey.png"] = save(noise(24, 24, 1, seed=90), "PNG")
    files["b/copy.png"] = files["a/00.png"]
    files["b/same.bmp"] = save(noise(20, 30, seed=0), "BMP")
    files["b/half.jpg"] = save(noise(40, 40), "JPEG")[:900]
    return write_files(root, files)


def load(spec: str, monkeypatch: pytest.MonkeyPatch, memory: str, **how: object) -> Examples:
    monkeypatch.setenv("JORYU_MEMORY", memory)
    return load_examples(spec, **how)  # type: ignore[arg-type]


def both(spec: str, monkeypatch: pytest.MonkeyPatch, **how: object) -> tuple[Examples, Examples]:
    held, lazy = load(spec, monkeypatch, HELD, **how), load(spec, monkeypatch, ON_DEMAND, **how)
    assert is_held(held.inputs)
    assert not is_held(lazy.inputs)
    return held, lazy


def same(one: Examples, other: Examples) -> None:
    assert torch.equal(one.inputs[:], other.inputs[:])
    assert (one.ids == other.ids).all()
    assert (one.pixel_ids == other.pixel_ids).all()
    assert one.labels is None or torch.equal(one.labels, other.labels_or_empty)
    assert one.sizes is None or (one.sizes == other.sizes).all()
    assert (one.sources, one.rejected, one.preparation) == (other.sources, other.rejected, other.preparation)
    assert one.fingerprint == other.fingerprint


def test_a_folder_is_the_same_whether_it_is_held_or_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held, lazy = both(f"folder:{photographs(tmp_path / 'set')}", monkeypatch, size=16)
    same(held, lazy)
    assert [one.name for one in lazy.rejected] == ["b/half.jpg"]
    assert any("decoded as they are needed" in remark for remark in lazy.remarks)
    for one, other in zip(
        split_examples(held, [0.6, 0.4], seed=3), split_examples(lazy, [0.6, 0.4], seed=3), strict=True
    ):
        same(one, other)
    assert torch.equal(held.inputs[[3, 1, 3]], lazy.inputs[[3, 1, 3]])
    assert torch.equal(held.inputs[-1], lazy.inputs[-1])
    assert torch.equal(held.inputs[2:9:3], lazy.inputs[2:9:3])
    mask = torch.arange(len(held)) % 3 == 0
    assert torch.equal(held.inputs[mask], lazy.inputs[mask])  # as numbers they would be rows 0 and 1
    for wrong in (len(lazy), mask[:-1]):
        with pytest.raises(IndexError):
            lazy.inputs[wrong]


def test_copies_are_found_without_decoding_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = photographs(tmp_path / "set")
    (root / "b/again.jpg").write_bytes(save(noise(26, 24, seed=6).resize((60, 60), Image.Resampling.BICUBIC), "PNG"))
    held, lazy = both(f"folder:{root}", monkeypatch, size=16)
    for one, other in zip(find_copies(held), find_copies(lazy), strict=True):
        assert one.tolist() == other.tolist()
    assert len(find_copies(lazy).same) == 2
    for one, other in zip(
        find_repeats(held.select([0, 4]), held), find_repeats(lazy.select([0, 4]), lazy), strict=True
    ):
        assert one.tolist() == other.tolist()


@pytest.mark.parametrize("channels", [1, 3])
def test_grey_and_coloured_splits_are_as_train_is(
    channels: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {f"train/a/{at}.png": save(noise(12, 12, channels, seed=at), "PNG") for at in range(4)}
    files |= {f"test/a/{at}.png": save(noise(12, 12, 4 - channels, seed=9 + at), "PNG") for at in range(4)}
    files |= {f"{split}/b/x.png": save(noise(12, 12, channels, seed=50), "PNG") for split in ("train", "test")}
    root = write_files(tmp_path / "set", files)
    for split in ("train", "test", "all"):
        held, lazy = both(f"folder:{root}", monkeypatch, split=split)
        same(held, lazy)
        assert lazy.inputs.shape[1] == channels


def test_views_and_another_preparation_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held, lazy = both(f"folder:{photographs(tmp_path / 'set')}", monkeypatch, size=16)
    rows, seeds = torch.tensor([5, 0, 7]), torch.tensor([1, 2, 0])
    for spec in ("shift:2", "crop:10%,flip", "mixup:0.4"):
        views = parse_views(spec)
        assert torch.equal(views.apply(held, rows, seeds).inputs, views.apply(lazy, rows, seeds).inputs)
    larger = PicturePreparation(channels=3, height=20, width=20)
    assert torch.equal(prepared(held, larger).inputs[:], prepared(lazy, larger).inputs[:])
    assert not is_held(prepared(lazy, larger).inputs)


def test_pictures_of_different_sizes_are_refused_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = []
    for memory in (HELD, ON_DEMAND):
        with pytest.raises(SizeNeededError, match=r"pictures differ in size") as refused:
            load(f"folder:{photographs(tmp_path / 'set')}", monkeypatch, memory)
        said.append((str(refused.value), refused.value.size))
    assert said[0] == said[1]


def test_a_second_start_opens_no_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, decoded: list[str], cache: Path
) -> None:
    root = photographs(tmp_path / "set")
    monkeypatch.setattr("joryu.examples.picture_index.FRESH_NS", 0)
    first = load(f"folder:{root}", monkeypatch, ON_DEMAND, size=16)
    assert len(decoded) == 16
    assert len(list((cache / "pictures").iterdir())) == 1
    decoded.clear()
    same(first, load(f"folder:{root}", monkeypatch, ON_DEMAND, size=16))
    assert decoded == []

    (root / "a/02.png").write_bytes(save(noise(30, 30, seed=77), "PNG"))  # one has changed, one is new, one has gone
    (root / "a/new.png").write_bytes(save(noise(30, 30, seed=78), "PNG"))
    (root / "a/04.png").unlink()
    changed = load(f"folder:{root}", monkeypatch, ON_DEMAND, size=16)
    assert sorted(decoded) == ["a/02.png", "a/new.png"]
    same(load(f"folder:{root}", monkeypatch, HELD, size=16), changed)

    decoded.clear()
    load(f"folder:{root}", monkeypatch, ON_DEMAND, size=12)  # another size, another look
    assert len(decoded) == 16


def test_a_picture_that_changes_while_it_is_looked_at_is_looked_at_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = photographs(tmp_path / "set")
    monkeypatch.setattr("joryu.examples.picture_index.FRESH_NS", 0)
    monkeypatch.setattr("joryu.examples.picture_index.PictureIndex.is_due", True)
    from joryu.examples import picture_entry

    honest = picture_entry.read_picture

    def changed_after(picture: Picture, size: int | None) -> object:
        read = honest(picture, size)
        if picture.name == "a/02.png":
            (root / "a/02.png").write_bytes(save(noise(30, 30, seed=77), "PNG"))
        return read

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(picture_entry, "read_picture", changed_after)
        first = load(f"folder:{root}", monkeypatch, ON_DEMAND, size=16)
    second = load(f"folder:{root}", monkeypatch, ON_DEMAND, size=16)
    assert (first.ids != second.ids).any()
    same(load(f"folder:{root}", monkeypatch, HELD, size=16), second)


def test_a_damaged_index_counts_as_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, decoded: list[str], cache: Path
) -> None:
    root = photographs(tmp_path / "set")
    monkeypatch.setattr("joryu.examples.picture_index.FRESH_NS", 0)
    first = load(f"folder:{root}", monkeypatch, ON_DEMAND, size=16)
    index = next((cache / "pictures").iterdir())
    whole = index.read_bytes()
    for damaged in (b"", whole[: len(whole) // 2], b"x" * len(whole)):
        index.write_bytes(damaged)
        decoded.clear()
        same(first, load(f"folder:{root}", monkeypatch, ON_DEMAND, size=16))
        assert len(decoded) == 16


@pytest.mark.parametrize(
    "failure",
    [*(OSError(number, "no") for number in (errno.EMFILE, errno.ENOMEM, errno.EACCES, errno.ETIMEDOUT)), MemoryError()],
    ids=["files", "memory", "permission", "network", "memory of Python"],
)
def test_what_fails_for_now_is_no_verdict_for_later(
    failure: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, decoded: list[str]
) -> None:
    """A picture was left out by every later run because a disk, a network or the memory had failed once."""
    spec = f"folder:{photographs(tmp_path / 'set')}"
    monkeypatch.setattr("joryu.examples.picture_index.FRESH_NS", 0)
    honest = reading._read

    def failing(source: object, size: int | None) -> object:
        if str(source).endswith("a/02.png"):
            raise failure
        return honest(source, size)  # type: ignore[arg-type]

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(reading, "_read", failing)
        first = load(spec, monkeypatch, ON_DEMAND, size=16)
    assert {one.name for one in first.rejected} == {"a/02.png", "b/half.jpg"}
    decoded.clear()
    second = load(spec, monkeypatch, ON_DEMAND, size=16)
    assert decoded == ["a/02.png"]
    same(load(spec, monkeypatch, HELD, size=16), second)


@pytest.mark.parametrize("memory", [HELD, ON_DEMAND])
def test_a_network_that_fails_ends_the_reading_as_a_disk_does(
    memory: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(source: object, size: int | None) -> object:
        raise OSError(errno.ETIMEDOUT, "Connection timed out")

    monkeypatch.setattr(reading, "_read", failing)
    with pytest.raises(InputError, match=r"cannot be reached any more .*8 files in a row are gone"):
        load(f"folder:{photographs(tmp_path / 'set')}", monkeypatch, memory, size=16)


def test_a_cache_that_cannot_be_written_costs_time_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, decoded: list[str]
) -> None:
    root = photographs(tmp_path / "set")
    (tmp_path / "cache").write_text("a file where the cache's folder would be")
    for _ in range(2):
        decoded.clear()
        load(f"folder:{root}", monkeypatch, ON_DEMAND, size=16)
        assert len(decoded) == 16


def test_an_interrupted_look_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, decoded: list[str]) -> None:
    root = write_files(
        tmp_path / "set", {f"{'ab'[n % 2]}/{n:03}.png": save(noise(9, 9, seed=n), "PNG") for n in range(600)}
    )
    monkeypatch.setattr("joryu.examples.picture_index.FRESH_NS", 0)

    def interrupted(done: int, total: int) -> None:
        if done > 256:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load(f"folder:{root}", monkeypatch, ON_DEMAND, progress=interrupted)
    decoded.clear()
    lazy = load(f"folder:{root}", monkeypatch, ON_DEMAND)
    assert 0 < len(set(decoded)) < 400  # a few are still being read when it is interrupted
    same(load(f"folder:{root}", monkeypatch, HELD), lazy)


@pytest.mark.parametrize("memory", [HELD, ON_DEMAND])
def test_a_set_that_vanishes_while_it_is_read_is_one_error(
    memory: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_files(tmp_path / "set", {f"a/{n:04}.png": save(noise(9, 9, seed=n), "PNG") for n in range(1500)})

    def unmounted(done: int, total: int) -> None:
        shutil.rmtree(root, ignore_errors=True)

    with pytest.raises(InputError, match=r"cannot be reached any more.*files in a row are gone.*of 1,500") as refused:
        load(f"folder:{root}", monkeypatch, memory, progress=unmounted)
    assert "\n" not in str(refused.value)


def test_a_picture_that_changes_after_the_look_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = photographs(tmp_path / "set")
    lazy = load(f"folder:{root}", monkeypatch, ON_DEMAND, size=16)
    (root / "a/00.png").write_bytes(save(noise(20, 30, seed=99), "PNG"))
    with pytest.raises(InputError, match=r"a/00.png has changed since the examples were read"):
        lazy.inputs[0]
    (root / "a/00.png").unlink()
    with pytest.raises(InputError, match=r"a/00.png cannot be read any more"):
        lazy.inputs[0]


def test_a_spool_gives_what_was_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = photographs(tmp_path / "set")
    lazy = load(f"folder:{root}", monkeypatch, ON_DEMAND, size=16)
    assert isinstance(lazy.inputs, PictureSource)
    whole = lazy.inputs[:]
    lazy.inputs.spooled(tmp_path / "not there yet")
    part = lazy.select([8, 2, 5])
    assert torch.equal(part.inputs[:], whole[[8, 2, 5]])
    shutil.rmtree(root)  # what was seen once is kept, in a file without a name
    assert torch.equal(lazy.inputs[[5, 8]], whole[[5, 8]])
    with pytest.raises(InputError, match="cannot be read any more"):
        lazy.inputs[[3]]
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]


def test_a_spool_that_a_part_asked_for_takes_every_row_of_the_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lazy = load(f"folder:{photographs(tmp_path / 'set')}", monkeypatch, ON_DEMAND, size=16)
    whole = lazy.inputs[:]
    first, last = lazy.select([1, 0]), lazy.select([len(lazy) - 1, 3])
    assert isinstance(first.inputs, PictureSource)
    first.inputs.spooled(tmp_path)
    for _ in range(2):
        assert torch.equal(last.inputs[:], whole[[-1, 3]])
        assert torch.equal(first.inputs[:], whole[[1, 0]])
    shutil.rmtree(tmp_path / "set")
    assert torch.equal(lazy.inputs[[3, 1]], whole[[3, 1]])


def test_a_full_disk_means_decoding_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lazy = load(f"folder:{photographs(tmp_path / 'set')}", monkeypatch, ON_DEMAND, size=16)
    assert isinstance(lazy.inputs, PictureSource)
    whole = lazy.inputs[:]

    def full(*arguments: object) -> int:
        raise OSError(28, "No space left on device")

    lazy.inputs.spooled(tmp_path)
    monkeypatch.setattr("joryu.examples.spool.os.pwrite", full)
    for _ in range(2):
        assert torch.equal(lazy.inputs[[1, 4, 6]], whole[[1, 4, 6]])
    monkeypatch.setattr("joryu.examples.spool.SPARE", 2**60)
    other = load(f"folder:{tmp_path / 'set'}", monkeypatch, ON_DEMAND, size=16)
    assert isinstance(other.inputs, PictureSource)
    other.inputs.spooled(tmp_path)
    assert torch.equal(other.inputs[[1]], whole[[1]])


def test_what_one_reader_changes_does_not_reach_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lazy = load(f"folder:{photographs(tmp_path / 'set')}", monkeypatch, ON_DEMAND, size=16)
    rows = torch.tensor([0, 1])
    first = lazy.inputs[rows]
    kept = first.clone()
    first.zero_()
    assert torch.equal(lazy.inputs[rows], kept)


@pytest.mark.parametrize(
    ("said", "means"), [("", 512 * 2**20), ("100", 100), ("2GiB", 2**31), ("1.5 k", 1536), ("800mb", 800 * 2**20)]
)
def test_memory_for_inputs(said: str, means: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JORYU_MEMORY", said)
    assert memory_for_inputs() == means


def test_a_size_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JORYU_MEMORY", "plenty")
    with pytest.raises(InputError, match=r"JORYU_MEMORY is not a size .*2GiB.*'plenty'"):
        memory_for_inputs()


def test_normalisation_is_measured_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from joryu.students.normalise import measure_normalisation

    held, lazy = both(f"folder:{photographs(tmp_path / 'set')}", monkeypatch, size=16)
    monkeypatch.setattr("joryu.students.normalise._PART", 5)
    for one, other in zip(measure_normalisation(held.inputs), measure_normalisation(lazy.inputs), strict=True):
        assert np.allclose(one, other, rtol=1e-6)


def test_parts_of_which_some_are_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {f"train/{'ab'[at % 2]}/{at:02}.png": save(noise(12, 12, seed=at), "PNG") for at in range(10)}
    files |= {f"test/{'ab'[at % 2]}/{at}.png": save(noise(12, 12, seed=20 + at), "PNG") for at in range(2)}
    root = write_files(tmp_path / "set", files)
    held, mixed = (load(f"folder:{root}", monkeypatch, memory, split="all") for memory in (HELD, "2K"))
    same(replace(held, remarks=()), replace(mixed, remarks=()))
    rows = torch.tensor([11, 0, 10, 3])
    same(held.select(rows), mixed.select(rows))
    same(held.select(rows).select([3, 1]), mixed.select(rows).select([3, 1]))
    for one, other in zip(find_copies(held), find_copies(mixed), strict=True):
        assert one.tolist() == other.tolist()
