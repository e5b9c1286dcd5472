"""What a source lists: addresses of lists in several formats, folders, pictures in Parquet files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from website import picture

from joryu.collecting import Listing, ListingOptions, Wanted, open_listing
from joryu.errors import InputError

A, B = "https://a.example/1.jpg", "https://b.example/2.jpg"


def written(folder: Path, name: str, columns: Mapping[str, Sequence[Any]]) -> Path:
    path = folder / name
    table = pa.table(dict(columns))
    if path.suffix == ".parquet":
        pq.write_table(table, path)
        return path
    rows = [",".join(columns), *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
    path.write_text("\n".join(rows), encoding="utf-8")
    return path


def listed(path: Path, **columns: str) -> Listing:
    return open_listing(path, ListingOptions(columns=Wanted(**columns)))


@pytest.mark.parametrize("name", ["list.csv", "list.parquet"])
@pytest.mark.parametrize(
    ("url", "licence", "source"),
    [("url", "licence", "source"), ("Image URL", "License", "author"), ("img_url", "rights", "credit")],
)
def test_columns_are_found_by_their_names(name: str, url: str, licence: str, source: str, tmp_path: Path) -> None:
    columns = {"id": ["1", "2"], url: [A, B], licence: ["CC0", ""], source: ["me", "you"]}
    found = listed(written(tmp_path, name, columns))
    assert (list(found.places), list(found.licences), list(found.sources)) == ([A, B], ["CC0", ""], ["me", "you"])
    assert f"addresses from column {url}" in found.remarks
    assert f"licences from column {licence}" in found.remarks
    filled = found.with_defaults("own", "here")
    assert (filled.licences, filled.sources) == (["CC0", "own"], ["me", "you"])


def test_a_column_that_holds_addresses_is_found_by_them(tmp_path: Path) -> None:
    found = listed(written(tmp_path, "list.csv", {"what": ["x", "y"], "where": [A, B]}))
    assert list(found.places) == [A, B]
    assert set(found.licences) == {""}


@pytest.mark.parametrize(
    ("columns", "what"),
    [
        ({"url": [A], "image_url": [B]}, "url"),
        ({"x": [A], "y": [B]}, "url"),
        ({"url": [A], "license_url": ["c"], "license_name": ["d"]}, "licence"),
        ({"url": [A], "author": ["c"], "credit": ["d"]}, "source"),
    ],
)
def test_columns_that_are_not_plain_are_refused(columns: Any, what: str, tmp_path: Path) -> None:
    path = written(tmp_path, "list.csv", columns)
    with pytest.raises(InputError, match=f"several columns of list.csv may be the {what}.*say which: --{what}-column"):
        listed(path)
    named = listed(path, **{what: list(columns)[-1]})
    assert len(named) == 1


def test_a_plain_name_leaves_no_doubt(tmp_path: Path) -> None:
    columns = {"url": [A], "license": ["CC0"], "license_url": ["x"], "source": ["s"], "author": ["a"]}
    found = listed(written(tmp_path, "list.csv", columns))
    assert (found.licences, found.sources) == (["CC0"], ["s"])


def test_a_column_that_is_not_there(tmp_path: Path) -> None:
    path = written(tmp_path, "list.csv", {"url": [A], "licence": ["CC0"]})
    with pytest.raises(InputError, match=r"has no column 'licnce'.*did you mean licence"):
        listed(path, licence="licnce")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("list.csv", f"{A}\n{B}\n", "does not name its columns"),
        ("list.csv", "a,b\n1,2\n", "no column of list.csv holds addresses"),
        ("list.csv", "url,b\n,2\n", "no column of list.csv holds addresses"),
        ("list.txt", "# nothing\n\n", "holds no address"),
        ("list.doc", "x", "is no list that can be read"),
    ],
)
def test_lists_that_are_refused(name: str, text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(InputError, match=said):
        listed(path)


@pytest.mark.parametrize("source", ["https://a.example/list.csv", "no-such-folder"])
def test_what_is_not_here(source: str) -> None:
    with pytest.raises(InputError):
        listed(Path(source))


def test_text_is_an_address_a_line(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text(f"\ufeff# mine\n{A}\r\n\n  {B}  \n{A}\n", encoding="utf-8")
    found = listed(path)
    assert (list(found.places), found.repeated) == ([A, B], 1)
    with pytest.raises(InputError, match="has no columns"):
        listed(path, licence="licence")


def test_an_address_that_is_repeated_counts_once(tmp_path: Path) -> None:
    columns = {"url": [A, B, A, A], "licence": ["CC0", "x", "CC0", "all rights reserved"]}
    found = listed(written(tmp_path, "list.csv", columns))
    assert (list(found.places), list(found.licences), found.repeated) == ([A, B], ["CC0", "x"], 2)
    assert "1 rows repeat an address and say something else of it: the first one counts" in found.remarks


def test_no_password_is_written_down(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("https://me:secret@a.example/1.jpg\nhttps:me:secret@a.example/1.jpg\n")
    assert "secret" not in "".join(listed(path).places)


def test_licences_that_are_numbers(tmp_path: Path) -> None:
    found = listed(written(tmp_path, "list.parquet", {"coco_url": [A, B], "license": [4, 1]}))
    assert list(found.licences) == ["4", "1"]


def test_a_folder_of_files(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    (folder / "sub").mkdir(parents=True)
    for name in ("b.png", "sub/a.png", ".hidden.png", "Thumbs.db"):
        (folder / name).write_bytes(picture(len(name)))
    found = listed(folder)
    assert [place.partition("/")[2] for place in found.places] == ["b.png", "sub/a.png"]
    assert all(str(tmp_path) not in place for place in found.places)
    assert found.contents is not None
    assert [(number, read()) for number, read in found.contents([1])] == [(1, picture(9))]
    with pytest.raises(InputError, match="no file"):
        (tmp_path / "empty").mkdir()
        listed(tmp_path / "empty")


def test_two_folders_of_one_name_are_two(tmp_path: Path) -> None:
    for outer in ("x", "y"):
        (tmp_path / outer / "photos").mkdir(parents=True)
        (tmp_path / outer / "photos" / "a.png").write_bytes(picture(1))
    assert listed(tmp_path / "x" / "photos").places != listed(tmp_path / "y" / "photos").places


@pytest.mark.parametrize("nested", [False, True])
def test_pictures_in_parquet_files_are_read_a_few_rows_at_a_time(nested: bool, tmp_path: Path) -> None:
    contents = [picture(at) for at in range(6)]
    values: list[Any] = [{"bytes": one, "path": "x"} for one in contents] if nested else contents
    table = pa.table({"image": values, "url": [f"{A}?{at}" for at in range(6)], "license": ["CC0"] * 6})
    pq.write_table(table, tmp_path / "train.parquet", row_group_size=2)
    for source in (tmp_path, tmp_path / "train.parquet"):
        found = listed(source)
        assert found.contents is not None
        assert found.places[3].endswith("#3")
        assert found.addresses is not None
        assert found.addresses[3] == f"{A}?3"
        assert list(found.licences) == ["CC0"] * 6
        assert [(number, read()) for number, read in found.contents([1, 4, 5])] == [
            (at, contents[at]) for at in (1, 4, 5)
        ]
    named = listed(tmp_path / "train.parquet", url="url")
    assert named.contents is None
    assert named.places[0] == f"{A}?0"


def test_rows_without_a_picture_and_columns_that_are_not_plain(tmp_path: Path) -> None:
    pq.write_table(pa.table({"image": [picture(1), None, b""]}), tmp_path / "a.parquet")
    found = listed(tmp_path / "a.parquet")
    assert found.contents is not None
    reads = dict(found.contents([0, 1, 2]))
    assert reads[0]() == picture(1)
    for at in (1, 2):
        with pytest.raises(InputError):
            reads[at]()
    pq.write_table(pa.table({"x": [picture(1)], "y": [picture(2)]}), tmp_path / "b.parquet")
    with pytest.raises(InputError, match="several columns of pictures"):
        listed(tmp_path / "b.parquet")


def test_files_that_are_too_large_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(bytes(100))
    found = open_listing(tmp_path, ListingOptions(largest=99))
    assert found.contents is not None
    ((_, read),) = found.contents([0])
    with pytest.raises(InputError, match="too large"):
        read()
