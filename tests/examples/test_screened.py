"""Filters: what is written is read again, they leave out whom they name, and damaged ones are refused in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from picture_files import flat, write_files

from joryu.errors import InputError
from joryu.examples import Examples, labelled_splits, load_examples, split_names
from joryu.examples.screened import Filter, read_filter, write_filter
from joryu.targets.failures import id_to_hex

KEYS = st.binary(min_size=16, max_size=16).map(bytes.hex)
REASONS = st.dictionaries(KEYS, st.text(max_size=8), max_size=4)


def six() -> Examples:
    return Examples.of(torch.arange(6.0)[:, None], sources=[str(at) for at in range(6)])


def keys(examples: Examples) -> list[str]:
    return [id_to_hex(one) for one in examples.ids]


def put(
    path: Path, spec: str, *, left_out: dict[str, str] | None = None, once: dict[str, str] | None = None,
    typed_in: str | None = None,
) -> str:  # fmt: skip
    found = Filter(examples=spec, typed_in=typed_in, left_out=left_out or {}, once=once or {})
    write_filter(path, found, names={}, settings={})
    return f"screened:{path}"


@settings(max_examples=20)
@given(spec=st.text(max_size=12), typed_in=st.none() | st.text(max_size=6), left_out=REASONS, once=REASONS)
def test_a_filter_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, spec: str, typed_in: str | None, left_out: dict[str, str],
    once: dict[str, str],
) -> None:  # fmt: skip
    path = tmp_path_factory.getbasetemp() / "filter ä.json"
    written = Filter(examples=spec, typed_in=typed_in, left_out=left_out, once=once)
    write_filter(path, written, names=dict.fromkeys(left_out, "a name"), settings={"near": 3})
    assert read_filter(path) == written


@given(
    rows=st.lists(st.integers(0, 5), min_size=1, max_size=12),
    left_out=st.sets(st.integers(0, 5)),
    once=st.sets(st.integers(0, 5)),
)
def test_whoever_is_named_is_left_out_and_of_copies_the_first_stays(
    rows: list[int], left_out: set[int], once: set[int]
) -> None:
    names = keys(six())
    found = Filter(
        examples="six", typed_in=None, left_out={names[at]: "odd" for at in left_out},
        once={names[at]: "a copy" for at in once},
    )  # fmt: skip
    stays = [
        row for at, row in enumerate(rows) if row not in left_out and not (row in once and row in rows[:at])
    ]  # fmt: skip
    examples = six().select(rows)
    if not stays:
        with pytest.raises(InputError, match=r"x\.json leaves all of examples out"):
            found.applied(examples, Path("x.json"))
        return
    kept = found.applied(examples, Path("x.json"))
    assert kept.sources == tuple(map(str, stays))
    gone = len(rows) - len(stays)
    said = (f"{gone} of {len(rows)} examples are left out by x.json",) if gone else ()
    assert kept.remarks == said


@pytest.mark.parametrize("written", [str.upper, lambda key: f"{key[:8]} {key[8:]}"], ids=["capitals", "a space"])
def test_an_id_may_be_written_in_other_ways_of_writing_hexadecimal(tmp_path: Path, written: Any) -> None:
    root = write_files(tmp_path / "set", {f"{'ab'[at % 2]}/{at}.png": flat(at) for at in range(4)})
    whole = load_examples(f"folder:{root}")
    spec = put(tmp_path / "filter.json", f"folder:{root}", left_out={written(keys(whole)[1]): "odd"})
    assert load_examples(spec).sources == tuple(name for at, name in enumerate(whole.sources or ()) if at != 1)


def damaged() -> dict[str, Any]:
    sound = {"schema": 1, "examples": "digits", "typed_in": None, "left_out": [], "once": []}
    row = {"id": "0" * 32, "name": "", "why": "odd"}
    return {
        "nothing": b"", "no JSON": b"{", "no text": b"\xff\xfe{}", "a list": [sound], "null": None, "empty": {},
        "no rows": sound | {"once": 3}, "rows of text": sound | {"left_out": ["0" * 32]},
        "a short id": sound | {"left_out": [row | {"id": "00"}]}, "no id": sound | {"left_out": [{"why": "odd"}]},
        "no hexadecimal": sound | {"left_out": [row | {"id": "x" * 32}]},
        "a number as id": sound | {"left_out": [row | {"id": 7}]}, "no reason": sound | {"once": [{"id": "0" * 32}]},
        "a folder that is none": sound | {"typed_in": 5},
    }  # fmt: skip


@pytest.mark.parametrize("what", damaged())
def test_what_is_no_filter_is_refused_in_one_line(tmp_path: Path, what: str) -> None:
    content = damaged()[what]
    path = tmp_path / "filter.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    with pytest.raises(InputError, match=r"filter\.json is no filter .*expected a file that joryu screen") as refused:
        load_examples(f"screened:{path}")
    assert "\n" not in str(refused.value)


def test_a_folder_and_another_version_are_no_filters(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is no filter .*Is a directory"):
        read_filter(tmp_path)
    (tmp_path / "newer.json").write_text('{"schema": 2}')
    with pytest.raises(InputError, match=r"newer.json is of another version \(expected schema 1; received 2\)"):
        read_filter(tmp_path / "newer.json")


def test_a_filter_that_is_about_itself_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is where what was screened is screened again, into the same folder."""
    monkeypatch.chdir(tmp_path)
    alone = put(tmp_path / "alone.json", "screened:alone.json", typed_in=".")
    one = put(tmp_path / "one.json", f"screened:{tmp_path}/other.json")
    put(tmp_path / "other.json", f"screened:{tmp_path}/one.json")
    before = put(tmp_path / "before.json", one)
    for spec, name in ((alone, "alone"), (one, "one"), (before, "one")):
        for read in (load_examples, split_names, labelled_splits):
            with pytest.raises(InputError, match=rf"{name}.json is a filter of itself .*the spec of another set"):
                read(spec)


def test_a_filter_of_a_filter_leaves_out_what_both_do(tmp_path: Path) -> None:
    root = write_files(tmp_path / "set", {f"{'ab'[at % 2]}/{at}.png": flat(at) for at in range(6)})
    names = keys(load_examples(f"folder:{root}"))
    inner = put(tmp_path / "inner.json", f"folder:{root}", left_out={names[0]: "odd"})
    outer = put(tmp_path / "outer.json", inner, left_out={names[4]: "odd"})
    assert keys(load_examples(outer)) == [names[at] for at in (1, 2, 3, 5)]
    assert split_names(outer) == labelled_splits(outer) == ("train",)


def test_the_set_behind_a_filter_is_sought_in_the_same_data_root(tmp_path: Path) -> None:
    files = {f"{split}/{name}/1.png": flat(at) for at, split in enumerate(("train", "test")) for name in "ab"}
    write_files(tmp_path / "data" / "roses", files)
    spec = put(tmp_path / "filter.json", "roses")
    assert len(load_examples(spec, split="test", data_root=tmp_path / "data")) == 2
    assert split_names(spec, data_root=tmp_path / "data") == ("train", "test")
    assert labelled_splits(spec, data_root=tmp_path / "data") == ("train", "test")
    with pytest.raises(InputError, match="no examples are known as 'roses'"):
        load_examples(spec, data_root=tmp_path)


def three_and_a_copy(root: Path) -> str:
    """Two splits, and a picture that is in both."""
    files = {"train/a/1.png": flat(1), "train/b/2.png": flat(2), "test/a/copy.png": flat(1), "test/b/3.png": flat(3)}
    return f"folder:{write_files(root, files)}"


@pytest.mark.parametrize("again", [False, True], ids=["", "behind another filter"])
def test_of_copies_in_several_splits_one_stays_where_all_are_loaded(tmp_path: Path, again: bool) -> None:
    """Each split kept its own, and so the copy was back."""
    behind = three_and_a_copy(tmp_path / "set")
    copy = keys(load_examples(behind, split="all"))[0]
    spec = put(tmp_path / "filter.json", behind, once={copy: "a copy"})
    spec = put(tmp_path / "outer.json", spec) if again else spec
    whole = load_examples(spec, split="all")
    assert whole.sources == ("train/a/1.png", "train/b/2.png", "test/b/3.png")
    assert "1 of 4 examples are left out by filter.json" in whole.remarks
    assert [len(load_examples(spec, split=split)) for split in ("train", "test")] == [2, 2]


def test_a_split_that_is_left_out_whole_leaves_the_others_where_all_are_loaded(tmp_path: Path) -> None:
    behind = three_and_a_copy(tmp_path / "set")
    test = keys(load_examples(behind, split="test"))
    spec = put(tmp_path / "filter.json", behind, left_out=dict.fromkeys(test, "odd"))
    assert load_examples(spec, split="all").sources == ("train/b/2.png",)
    with pytest.raises(InputError, match=r"filter\.json leaves all of set out"):
        load_examples(spec, split="test")
