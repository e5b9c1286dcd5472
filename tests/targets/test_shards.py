"""Shards: columns without a copy, damage noticed, merged ranges known by name."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joryu.errors import InputError
from joryu.targets.encoding import Columns
from joryu.targets.shards import Span, join_columns, list_shards, open_shard, write_shard


def columns(n: int, width: int = 3, seed: int = 0, **more: np.ndarray) -> Columns:
    rng = np.random.default_rng(seed)
    return {
        "id": rng.integers(0, 2**64, (n, 2), dtype=np.uint64),
        "view": rng.integers(0, 9, n, dtype=np.uint64),
        "values": rng.normal(size=(n, width)).astype(np.float16),
        **more,
    }


@pytest.mark.parametrize("n", [1, 5, 1000])
@pytest.mark.parametrize("width", [1, 3, 32])
def test_every_column_comes_back(tmp_path: Path, n: int, width: int) -> None:
    rng = np.random.default_rng(1)
    written = columns(
        n, width,
        indices=rng.integers(0, 2**16, (n, width)).astype(np.uint16),
        weight=rng.random(n, dtype=np.float32),
        bound=rng.random(n, dtype=np.float32),
        coverage=rng.integers(0, 256, (n, 2)).astype(np.uint8),
    )  # fmt: skip
    write_shard(tmp_path, Span(1, 1), written)
    shard = open_shard(tmp_path, Span(1, 1))
    assert len(shard) == n and shard.columns.keys() == written.keys()
    for name, column in written.items():
        assert shard.columns[name].dtype == column.dtype
        np.testing.assert_array_equal(shard.columns[name], column)
    shard.verify()


def test_wide_indices_and_float32_come_back(tmp_path: Path) -> None:
    written = columns(4, indices=np.arange(12, dtype=np.int32).reshape(4, 3) - 1)
    written["values"] = written["values"].astype(np.float32)
    write_shard(tmp_path, Span(1, 1), written)
    read = open_shard(tmp_path, Span(1, 1)).columns
    np.testing.assert_array_equal(read["indices"], written["indices"])
    np.testing.assert_array_equal(read["values"], written["values"])


def test_columns_are_views_of_the_map(tmp_path: Path) -> None:
    write_shard(tmp_path, Span(1, 1), columns(100))
    shard = open_shard(tmp_path, Span(1, 1))
    assert not any(column.flags.writeable or column.flags.owndata for column in shard.columns.values())


def test_a_thousand_open_shards_hold_no_file_open(tmp_path: Path) -> None:
    fds = Path("/proc/self/fd")
    if not fds.is_dir():
        pytest.skip("no /proc here")
    write_shard(tmp_path, Span(1, 1), columns(10))
    before = len(list(fds.iterdir()))
    shards = [open_shard(tmp_path, Span(1, 1)) for _ in range(50)]
    assert len(list(fds.iterdir())) - before < 5
    assert len(shards[-1].columns["view"]) == 10


def test_other_readers_can_read_them(tmp_path: Path) -> None:
    import pyarrow as pa

    write_shard(tmp_path, Span(1, 1), columns(7))
    with pa.memory_map(str(tmp_path / "shard-00000001-00000001.arrow")) as file:
        table = pa.ipc.open_file(file).read_all()
        assert table.num_rows == 7
        assert str(table.schema.field("values").type) == "fixed_size_list<item: halffloat>[3]"
        assert str(table.schema.field("id").type) == "fixed_size_binary[16]"


@pytest.mark.parametrize("size", [0, 1, 100, -1, -200])
def test_a_file_cut_short_is_named(tmp_path: Path, size: int) -> None:
    write_shard(tmp_path, Span(3, 3), columns(100))
    path = tmp_path / "shard-00000003-00000003.arrow"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(InputError, match=r"shard-00000003-00000003\.arrow is damaged.*run joryu label again"):
        open_shard(tmp_path, Span(3, 3))


def test_a_flipped_bit_is_found_by_the_checksum(tmp_path: Path) -> None:
    write_shard(tmp_path, Span(1, 1), columns(100))
    path = tmp_path / "shard-00000001-00000001.arrow"
    content = bytearray(path.read_bytes())
    payload = columns(100)["values"].tobytes()
    content[content.find(payload) + 17] ^= 4
    path.write_bytes(content)
    shard = open_shard(tmp_path, Span(1, 1))
    with pytest.raises(InputError, match=r"damaged.*checksum"):
        shard.verify()


def test_something_else_under_a_shards_name_is_damage(tmp_path: Path) -> None:
    (tmp_path / "shard-00000001-00000001.arrow").write_text("not arrow at all, but long enough to be looked into")
    with pytest.raises(InputError, match="damaged"):
        open_shard(tmp_path, Span(1, 1))


def test_a_wider_range_supersedes_those_it_contains(tmp_path: Path) -> None:
    for span in (Span(1, 1), Span(2, 2), Span(3, 3), Span(2, 3), Span(4, 4), Span(7, 9), Span(8, 8), Span(7, 7)):
        (tmp_path / span.name).touch()
    (tmp_path / ".shard-00000009-00000009.arrow.partial").touch()
    (tmp_path / "notes.txt").touch()
    listing = list_shards(tmp_path)
    assert listing.current == (Span(1, 1), Span(2, 3), Span(4, 4), Span(7, 9))
    assert set(listing.superseded) == {Span(2, 2), Span(3, 3), Span(7, 7), Span(8, 8)}
    assert listing.next_number == 10


def test_an_empty_folder_begins_at_one(tmp_path: Path) -> None:
    assert list_shards(tmp_path).next_number == 1


def test_a_column_that_only_some_parts_have_is_filled_with_what_its_absence_meant() -> None:
    bare, full = columns(2), columns(
        3, weight=np.full(3, 0.5, np.float32), bound=np.full(3, 0.25, np.float32), coverage=np.zeros((3, 1), np.uint8)
    )  # fmt: skip
    joined = join_columns([bare, full])
    assert joined["weight"].tolist() == [1, 1, 0.5, 0.5, 0.5]
    assert joined["bound"].tolist() == [1, 1, 0.25, 0.25, 0.25]
    assert joined["coverage"].ravel().tolist() == [255, 255, 0, 0, 0]
    told = join_columns([bare, columns(1, signals=np.full((1, 2), 0.5, np.float32))])["signals"]
    np.testing.assert_array_equal(told, [[np.nan] * 2, [np.nan] * 2, [0.5] * 2])
    np.testing.assert_array_equal(joined["id"], np.concatenate([bare["id"], full["id"]]))


@pytest.fixture(scope="module")
def shard(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    """A shard's folder, and the bytes of its file."""
    folder = tmp_path_factory.mktemp("shard")
    more = {"weight": np.ones(20, np.float32), "coverage": np.full((20, 2), 7, np.uint8)}
    write_shard(folder, Span(1, 1), columns(20, **more))
    return folder, (folder / Span(1, 1).name).read_bytes()


@settings(max_examples=150)
@given(
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=3),
    st.none() | st.floats(0, 1),
)  # fmt: skip
def test_changed_bytes_are_noticed_or_change_nothing(
    shard: tuple[Path, bytes], changes: list[tuple[float, int]], length: float | None
) -> None:
    folder, whole = shard
    content = bytearray(whole)
    for at, value in changes:
        content[int(at * len(content))] = value
    (folder / Span(1, 1).name).unlink()  # an earlier one may still be mapped
    (folder / Span(1, 1).name).write_bytes(content if length is None else content[: int(length * len(content))])
    try:
        found = open_shard(folder, Span(1, 1))
        found.verify()
    except InputError as error:
        assert "shard-00000001-00000001.arrow is damaged" in str(error)
        return
    for name, column in columns(20).items():
        np.testing.assert_array_equal(found.columns[name], column)
    assert found.columns.keys() == {"id", "view", "values", "weight", "coverage"}
