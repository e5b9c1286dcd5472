"""What is written, in which order, and what a kill leaves."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from website import picture

from joryu.collecting.checking import check_picture
from joryu.collecting.collection import Collection, Found, kept
from joryu.errors import InputError, JoryuError, MismatchError
from joryu.examples.collected import COPY, FAILED, JOURNAL, KEPT, LATER, MARKER, Collected, read_journal, read_latest
from joryu.examples.original_bytes import key_of

pytestmark = pytest.mark.usefixtures("spare_the_disk")


def found(seed: int, place: str = "", **said: str) -> Found:
    content = picture(seed)
    checked = check_picture(content)
    record = Collected(place or f"https://a.example/{seed}", KEPT, picture=checked.picture, **said)
    return Found(kept(record, checked.file), content)


def test_a_picture_is_named_by_its_content(tmp_path: Path) -> None:
    with Collection.writing(tmp_path / "c") as collection:
        (record,) = collection.add([found(1, licence="CC0")])
    assert record.picture == key_of(picture(1)).hex()
    assert (tmp_path / "c" / record.file).read_bytes() == picture(1)
    assert record.file == f"pictures/{record.picture[:2]}/{record.picture}.png"
    assert list(read_journal(tmp_path / "c")) == [record]


def test_the_same_content_is_kept_once_and_both_places_are_remembered(tmp_path: Path) -> None:
    with Collection.writing(tmp_path) as collection:
        records = collection.add([found(1, "x"), found(1, "y"), found(2, "z")])
        records += collection.add([found(2, "w")])
        assert [record.status for record in records] == [KEPT, COPY, KEPT, COPY]
        assert len(collection) == 2
    assert len(list(tmp_path.glob("pictures/*/*"))) == 2
    assert {record.place: record.picture for record in records}.keys() == read_latest(tmp_path).keys()


def test_what_is_known_is_what_needs_no_collecting(tmp_path: Path) -> None:
    records = [found(1, "here"), Found(Collected("gone", FAILED, reason="HTTP 404")), Found(Collected("slow", LATER))]
    for _ in range(2):
        with Collection.writing(tmp_path) as collection:
            collection.add(records)
            assert collection.known("here") is not None
            assert collection.known("gone") is not None
            assert collection.known("gone", again=True) is None
            assert collection.known("slow") is None
            assert collection.known("never") is None
        records = []
    next(tmp_path.glob("pictures/*/*.png")).unlink()
    with Collection.writing(tmp_path) as collection:
        assert collection.known("here") is None


@pytest.mark.parametrize("fault", ["write", "line", "rename"])
def test_a_kill_anywhere_leaves_no_picture_without_its_line(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each step of a batch fails once, as if the process ended there."""

    class Killed(BaseException):
        pass

    def stop(*_: object, **__: object) -> None:
        raise Killed

    with Collection.writing(tmp_path) as collection:
        collection.add([found(1)])
    where = {
        "write": ("joryu.collecting.collection._write_aside", stop),
        "line": ("joryu.collecting.collection.Collection._append", stop),
        "rename": ("pathlib.Path.replace", stop),
    }[fault]
    with pytest.raises(Killed), Collection.writing(tmp_path) as collection, monkeypatch.context() as killing:
        killing.setattr(*where)
        collection.add([found(2), found(3)])
    there = {path.stem for path in tmp_path.glob("pictures/*/*.png")}
    assert there == {key_of(picture(1)).hex()}
    assert there <= {record.picture for record in read_latest(tmp_path).values()}
    with Collection.writing(tmp_path) as collection:
        assert not list(tmp_path.glob("pictures/*/.*"))
        again = [one for one in (found(1), found(2), found(3)) if collection.known(one.record.place) is None]
        assert len(again) == 2
        collection.add(again)
    assert len(list(tmp_path.glob("pictures/*/*.png"))) == 3


@pytest.mark.parametrize("torn", ['{"place": "x", "sta', "x" * 200_000, '{"place": "é'])
def test_a_line_that_a_kill_has_cut_off_is_taken_away(torn: str, tmp_path: Path) -> None:
    with Collection.writing(tmp_path) as collection:
        collection.add([found(1), found(2)])
    whole = (tmp_path / JOURNAL).read_bytes()
    (tmp_path / JOURNAL).write_bytes(whole + torn.encode()[:-1])
    assert len(read_latest(tmp_path)) == 2
    with Collection.writing(tmp_path):
        assert (tmp_path / JOURNAL).read_bytes() == whole
    (tmp_path / JOURNAL).write_bytes(torn.encode()[:-1])
    with Collection.writing(tmp_path) as collection:
        assert (tmp_path / JOURNAL).read_bytes() == b""
        assert collection.strangers == 2


def test_a_damaged_line_in_the_middle_is_refused_by_its_number(tmp_path: Path) -> None:
    with Collection.writing(tmp_path) as collection:
        collection.add([found(1), found(2)])
    lines = (tmp_path / JOURNAL).read_text().splitlines()
    for damaged in (lines[0][:40], '{"place": "x", "status": "kept", "colour": 1}', "[1]"):
        (tmp_path / JOURNAL).write_text("\n".join([damaged, lines[1]]) + "\n")
        with pytest.raises(InputError, match=r"line 1 of .* is damaged"), Collection.writing(tmp_path):
            pass


def test_a_full_disk_is_one_line_and_what_was_there_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Collection.writing(tmp_path) as collection:
        collection.add([found(1)])

        def full(_: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(JoryuError, match=r"No space left on device.*what was collected is kept"):
            collection.add([found(2)])
    assert len(list(tmp_path.glob("pictures/*/*.png"))) == 1


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    refused = pytest.raises(InputError, match="written by another process")
    with Collection.writing(tmp_path), refused, Collection.writing(tmp_path):
        pass


def test_only_a_new_folder_or_a_collection_is_written_to(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(InputError, match="is there already and no collection"), Collection.writing(tmp_path):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    newer = tmp_path / "newer"
    newer.mkdir()
    (newer / MARKER).write_text(json.dumps({"schema_version": 99}))
    with pytest.raises(MismatchError, match="newer Joryu"), Collection.writing(newer):
        pass
    (newer / MARKER).write_text("{}")
    with pytest.raises(InputError, match="is damaged"), Collection.writing(newer):
        pass


def test_a_folder_that_a_kill_left_unmarked_is_gone_on_with(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "writer.lock").touch()
    with Collection.writing(tmp_path) as collection:
        collection.add([found(1)])
    assert len(read_latest(tmp_path)) == 1


def test_another_licence_is_written_down_and_keeps_the_rest(tmp_path: Path) -> None:
    with Collection.writing(tmp_path) as collection:
        (before,) = collection.add([found(1, licence="CC0", source="me")])
        collection.amend({before.place: ("CC-BY-4.0", "you")})
        assert collection.counts().licences == {"CC-BY-4.0": 1}
    assert list(read_journal(tmp_path))[-1] == before._replace(licence="CC-BY-4.0", source="you")


@pytest.mark.parametrize(
    "line",
    ['{"place": "x", "status": 5}', '{"place": 5, "status": "kept"}', '{"place": "x", "status": "kept", "width": "9"}',
     '{"place": "x", "status": "kept", "picture": null}', '{"place": "x", "status": "kept", "licence": []}', "null"],
)  # fmt: skip
def test_a_line_whose_values_are_of_another_kind_is_refused_by_its_number(line: str, tmp_path: Path) -> None:
    with Collection.writing(tmp_path) as collection:
        (record,) = collection.add([found(1)])
    with (tmp_path / JOURNAL).open("a", encoding="utf-8") as file:
        file.write(line + "\n" + record.line())
    with pytest.raises(InputError, match=r"line 2 of .* is damaged"), Collection.writing(tmp_path):
        pass


@given(st.builds(
    Collected, place=st.text(min_size=1, max_size=9), status=st.sampled_from([KEPT, COPY, FAILED, LATER]),
    licence=st.text(max_size=9), source=st.text(max_size=9), reason=st.text(max_size=9), width=st.integers(0, 2**40),
))  # fmt: skip
def test_a_line_is_read_as_it_was_written_and_is_one_line(record: Collected) -> None:
    assert record.line().count("\n") == 1
    assert Collected.of(record.line().encode()) == record
