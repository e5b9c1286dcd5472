"""Groups: where they are read from, what is refused, and that no split parts one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from picture_files import noise, save, write_files
from PIL import Image

from joryu.cli import main
from joryu.errors import InputError
from joryu.examples import Examples, load_examples, split_examples
from joryu.examples.groups import grouping_key, with_groups


def rows(groups: list[str], labels: list[int] | None = None, contents: list[int] | None = None) -> Examples:
    values = torch.tensor(contents or list(range(len(groups))), dtype=torch.float32)[:, None]
    given = None if labels is None else torch.tensor(labels)
    return replace(Examples.of(values, given, classes=["a", "b", "c"]), groups=tuple(groups))


def groups_of(part: Examples) -> set[str]:
    return set(part.groups or ())


def test_a_group_is_in_one_part_and_shares_are_kept() -> None:
    examples = rows([str(at // 5) for at in range(200)], [at % 2 for at in range(200)])
    parts = split_examples(examples, (0.7, 0.1, 0.2), seed=1)
    assert [len(part) for part in parts] == [140, 20, 40]
    assert sum(len(groups_of(part)) for part in parts) == 40
    assert [int((part.labels == 1).sum()) for part in parts if part.labels is not None] == [
        sum(at % 2 for at in part.inputs.flatten().int().tolist()) for part in parts
    ]


def test_strata_are_kept_where_groups_let_them() -> None:
    """Ten groups of each label: by hand, a fifth of each is two groups."""
    examples = rows([f"{at // 4}" for at in range(80)], [int(at >= 40) for at in range(80)])
    for seed in range(10):
        _, evaluation_set = split_examples(examples, (0.8, 0.2), seed=seed)
        assert evaluation_set.labels is not None
        assert torch.bincount(evaluation_set.labels).tolist() == [8, 8]


def test_a_seed_decides_and_neither_the_order_of_rows_nor_the_names_of_groups_do() -> None:
    examples = rows([str(at % 10) for at in range(60)])
    shuffled = examples.select(torch.randperm(60, generator=torch.Generator().manual_seed(0)))
    renamed = replace(examples, groups=tuple(f"g{9 - int(name)}" for name in examples.groups or ()))
    halves = [
        set(split_examples(one, (0.5, 0.5), seed=seed)[0].inputs.flatten().tolist())
        for one, seed in ((examples, 3), (shuffled, 3), (renamed, 3), (examples, 4))
    ]
    assert halves[0] == halves[1] == halves[2] != halves[3]


def test_groups_that_share_a_copy_stay_together() -> None:
    """The same picture in two groups: neither rule may be broken."""
    examples = rows(["a", "a", "b", "b", "c", "d"], contents=[1, 2, 2, 3, 4, 5])
    for seed in range(20):
        for part in split_examples(examples, (0.5, 0.5), seed=seed):
            assert groups_of(part) & {"a", "b"} in (set(), {"a", "b"})


@given(
    groups=st.lists(st.integers(0, 12), min_size=20, max_size=60),
    labels=st.integers(1, 3),
    fractions=st.sampled_from([(0.5, 0.5), (0.6, 0.2, 0.2), (0.3, 0.3), (0.34, 0.66)]),
    seed=st.integers(0, 2**32),
)
def test_for_any_groups_none_is_parted(groups: list[int], labels: int, fractions: tuple[float, ...], seed: int) -> None:
    groups = [*groups, 20, 21, 22, 23]
    examples = rows([str(group) for group in groups], [at % labels for at in range(len(groups))])
    try:
        parts = split_examples(examples, fractions, seed=seed)
    except InputError as error:
        assert "expected at least one group in each part" in str(error)
        return
    names = [groups_of(part) for part in parts]
    assert len(set().union(*names)) == sum(map(len, names))
    largest = max(groups.count(group) for group in groups)
    for fraction, part in zip(fractions, parts, strict=True):
        assert abs(len(part) - fraction * len(groups)) <= largest * labels


def test_fewer_groups_than_parts_are_refused() -> None:
    with pytest.raises(InputError, match=r"expected at least one group in each part; received 2 groups for fractions"):
        split_examples(rows(["a"] * 9 + ["b"] * 9), (0.6, 0.2, 0.2), seed=0)


def mask(seed: int) -> bytes:
    return save(Image.fromarray((np.random.default_rng(seed).random((8, 8)) > 0.5).astype(np.uint8) * 255), "PNG")


def pairs(root: Path, table: str, name: str = "depths.csv", n: int = 12) -> Path:
    files = {f"images/{at:02}.png": save(noise(8, 8, 1, at), "PNG") for at in range(n)}
    masks = {f"masks/{at:02}.png": mask(at) for at in range(n)}
    return write_files(root, {**files, **masks, name: table.encode()})


def table(n: int = 12) -> str:
    return "id,z\n" + "".join(f"{at:02},{at // 3}\n" for at in range(n)) + "99,7\n"


def test_groups_come_from_a_table_in_the_folder(tmp_path: Path) -> None:
    root = pairs(tmp_path, table())
    examples = load_examples(f"pairs:{root},group=depths.csv")
    assert examples.groups == tuple(str(at // 3) for at in range(12))
    assert examples.remarks[-1] == "groups from depths.csv: column 'z', 4 of them; no split parts one"
    assert not any("not read" in remark for remark in examples.remarks)
    assert "not read: depths.csv" in load_examples(f"pairs:{root}").remarks
    elsewhere = write_files(tmp_path / "elsewhere", {"more.csv": b"field;file;year\nA;images/00.png;1\n"})
    with pytest.raises(
        InputError, match=r"11 of 12 examples of .* have no group .*received 01.png, 02.png, 03.png and"
    ):
        load_examples(f"pairs:{root},group={elsewhere}/more.csv#field")


def test_a_folders_table_of_groups_is_no_table_of_labels(tmp_path: Path) -> None:
    files = {f"{at:02}.png": save(noise(8, 8, 1, at), "PNG") for at in range(6)}
    lines = [f"{at:02}.png" for at in range(6)]
    labels = "file,label\n" + "".join(f"{name},{'ab'[at % 2]}\n" for at, name in enumerate(lines))
    groups = "file,patient\n" + "".join(f"{name},p{at // 2}\n" for at, name in enumerate(lines))
    root = write_files(tmp_path, {**files, "labels.csv": labels.encode(), "patients.csv": groups.encode()})
    examples = load_examples(f"folder:{root},group=patients.csv")
    assert (examples.classes, examples.groups) == (("a", "b"), ("p0", "p0", "p1", "p1", "p2", "p2"))
    assert "patients.csv" not in {one.name for one in examples.rejected}
    both = labels.replace("file,label\n", "file,label,patient\n")
    both = "\n".join(f"{line},p{at // 2}" if at >= 0 else line for at, line in enumerate(both.splitlines(), -1))
    (root / "patients.csv").unlink()
    (root / "labels.csv").write_text(both)
    examples = load_examples(f"folder:{root},target=label,group=labels.csv#patient")
    assert (examples.classes, examples.groups) == (("a", "b"), ("p0", "p0", "p1", "p1", "p2", "p2"))


@pytest.mark.parametrize(
    ("lines", "option", "says"),
    [
        (table(), "dephts.csv", r"no such table of groups: .*dephts.csv .*did you mean depths.csv"),
        (table(), "depths.csv#depth", r"depths.csv has no column 'depth'"),
        (table(9), "depths.csv", r"3 of 12 examples of .* have no group .*received 09.png, 10.png, 11.png"),
        (table() + "05,9\n", "depths.csv", r"row 7 of depths.csv and row 15 .* two groups .*received 1 and 9"),
        ("id,z\n" + "\n".join(f"{at:02}," for at in range(12)), "depths.csv", "12 of 12 examples of"),
        ("id\n" + "\n".join(f"{at:02}" for at in range(12)), "depths.csv", "names pictures and says nothing"),
        ("id,z\nxx,1\n", "depths.csv", "names a picture of the set"),
        (table().replace("id,z", "id,z,w").replace("\n", ",1\n").replace("w,1", "w"), "depths.csv",
         r"which column of depths.csv is the group\?.*expected group=depths.csv#COLUMN.*try group=depths.csv#z"),
    ],
    ids=["no table", "no column", "no row", "two groups", "empty", "one column", "other pictures", "three columns"],
)  # fmt: skip
def test_groups_that_cannot_be_meant_are_refused(tmp_path: Path, lines: str, option: str, says: str) -> None:
    root = pairs(tmp_path, lines)
    with pytest.raises(InputError, match=says) as caught:
        load_examples(f"pairs:{root},group={option}")
    assert "\n" not in str(caught.value)


def test_rows_of_a_table_are_grouped_by_a_column_that_is_no_input(tmp_path: Path) -> None:
    lines = [f"{at},{at * 7 % 5},p{at // 2},{'ab'[at % 2]}" for at in range(12)]
    path = tmp_path / "visits.csv"
    path.write_text("\n".join(["age,dose,patient,kind", *lines]))
    examples = load_examples(f"table:{path},target=kind,group=patient")
    assert examples.inputs.shape == (12, 2)
    assert examples.groups == tuple(f"p{at // 2}" for at in range(12))
    with pytest.raises(InputError, match="has no column 'person' for group="):
        load_examples(f"table:{path},target=kind,group=person")


def test_parts_of_a_set_keep_their_groups_as_one(tmp_path: Path) -> None:
    for split, first in (("train", 0), ("test", 6)):
        for at in range(first, first + 6):
            write_files(tmp_path, {f"{split}/{'ab'[at % 2]}/{at:02}.png": save(noise(8, 8, 1, at), "PNG")})
    write_files(tmp_path, {"groups.csv": table().encode()})
    examples = load_examples(f"folder:{tmp_path},group=groups.csv", split="all")
    by_name = dict(zip(examples.sources or (), examples.groups or (), strict=True))
    assert by_name == {f"{'train' if at < 6 else 'test'}/{'ab'[at % 2]}/{at:02}.png": str(at // 3) for at in range(12)}


def test_the_key_of_a_grouping_does_not_depend_on_the_order() -> None:
    examples = rows(["a", "b", "a", "c"])
    assert grouping_key(examples) == grouping_key(examples.select([3, 1, 0, 2]))
    assert grouping_key(examples) != grouping_key(rows(["a", "b", "b", "c"]))
    assert grouping_key(replace(examples, groups=None)) is None
    with pytest.raises(InputError, match=r"1 of 4 examples .*received #2"):
        with_groups(examples, ["a", "b", None, "c"], "groups")


@given(st.lists(st.tuples(st.integers(0, 4), st.sampled_from("abc")), min_size=1, max_size=12), st.data())
def test_the_key_of_a_grouping_is_of_who_is_in_which_group(pairs: list[tuple[int, str]], data: st.DataObject) -> None:
    """Also where one picture is in two groups, which are then one: whichever row comes first."""
    contents, groups = [[pair[at] for pair in pairs] for at in (0, 1)]
    examples = replace(Examples.of(torch.tensor(contents).float()[:, None]), groups=tuple(groups))
    order = data.draw(st.permutations(range(len(pairs))))
    assert grouping_key(examples.select(order)) == grouping_key(examples)
    other = data.draw(st.lists(st.sampled_from("abc"), min_size=len(pairs), max_size=len(pairs)))
    same = set(zip(contents, other, strict=True)) == set(pairs)
    assert (grouping_key(replace(examples, groups=tuple(other))) == grouping_key(examples)) is same


def command(capsys: pytest.CaptureFixture[str], words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stopped:
        main(words.split())
    return int(stopped.value.code or 0), *capsys.readouterr()


def test_the_part_that_is_judged_by_holds_whole_groups(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = pairs(tmp_path / "set", table(36), n=36)
    spec = f"pairs:{root},group=depths.csv"
    quick = "--network unet:2x1 --epochs 1 --batch-size 8 --test 0.25 --precision 32-true"
    assert command(capsys, f"train {quick} --examples {spec} --out {tmp_path}/run")[0] == 0
    note = json.loads((tmp_path / "run" / "run.json").read_text())["notes"]["held_out"]
    assert note["groups"] == grouping_key(load_examples(spec))
    code, out, err = command(capsys, f"evaluate {tmp_path}/run --json")
    assert code == 0, err
    assert json.loads(out)["examples"]["n"] == 9
    (root / "depths.csv").write_text("id,z\n" + "".join(f"{at:02},{at % 12}\n" for at in range(36)))
    code, _, err = command(capsys, f"evaluate {tmp_path}/run --json")
    assert code != 0
    assert "the part that the run held out cannot be found again" in err.splitlines()[-1]
