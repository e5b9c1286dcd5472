"""What a source lists: addresses of lists in several formats, folders, pictures in Parquet files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from website import picture

from joryu.collecting import Listing, ListingOptions, WantedColumns, open_listing
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
    return open_listing(path, ListingOptions(columns=WantedColumns(**columns)))


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


TEXT_TYPES = [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())]


@pytest.mark.parametrize("kind", TEXT_TYPES, ids=str)
@pytest.mark.parametrize("pictures", [False, True])
def test_text_is_text_in_whatever_form_a_file_keeps_it(kind: pa.DataType, pictures: bool, tmp_path: Path) -> None:
    names = ["CC0", None, "CC0"]
    columns: dict[str, Any] = {"url": pa.array([A, B, f"{A}?2"], kind), "license": pa.array(names, kind)}
    columns |= {"image": [picture(at) for at in range(3)]} if pictures else {}
    found = listed(written(tmp_path, "list.parquet", columns))
    assert list(found.licences) == ["CC0", "", "CC0"]
    assert (found.contents is not None) is pictures
    assert list(found.places if found.addresses is None else found.addresses) == [A, B, f"{A}?2"]


@pytest.mark.parametrize("kind", [pa.int64(), pa.int8(), pa.float64()], ids=str)
def test_licences_that_are_numbers_beside_pictures(kind: pa.DataType, tmp_path: Path) -> None:
    columns = {"image": [picture(0), picture(1)], "license": pa.array([4, 1], kind), "source": ["me", "you"]}
    path = written(tmp_path, "list.parquet", columns)
    for found in (listed(path), listed(path, licence="license")):
        assert (list(found.licences), list(found.sources)) == (["4", "1"], ["me", "you"])
        assert "licences from column license" in found.remarks


def test_files_of_one_set_that_differ_in_their_columns(tmp_path: Path) -> None:
    written(tmp_path, "train-00000-of-00002.parquet", {"image": [picture(0)], "license": ["CC0"]})
    second = tmp_path / "train-00001-of-00002.parquet"
    written(tmp_path, second.name, {"image": [picture(1)]})
    assert list(listed(tmp_path).licences) == ["CC0", ""], "what is beside the pictures may be missing"
    written(tmp_path, second.name, {"photo": [picture(1)], "license": ["CC0"]})
    with pytest.raises(InputError, match=r"train-00001-of-00002\.parquet has no column 'image' .*received photo"):
        listed(tmp_path)


@pytest.mark.parametrize("content", [b"", b"\xff\xfeh\x00t\x00", b"\xe4.jpg"])
def test_text_in_another_encoding_is_refused_and_an_empty_file_holds_nothing(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "list of mine.txt"
    path.write_bytes(content)
    with pytest.raises(InputError, match="is no UTF-8 text.*save it as UTF-8" if content else "holds no address"):
        listed(path)


def test_a_damaged_parquet_file_is_refused_when_it_is_opened_or_read(tmp_path: Path) -> None:
    path = written(tmp_path, "a.parquet", {"image": [picture(at) for at in range(4)]})
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="is not a readable Parquet file"):
        listed(path)
    path.write_bytes(content[:4] + bytes(600) + content[604:])
    found = listed(path)
    assert found.contents is not None
    with pytest.raises(InputError, match="is damaged"):
        list(found.contents([0]))
