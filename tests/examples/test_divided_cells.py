"""Tables beside pictures whose cells name several tags: divided alike in every split; and rows that are long."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from picture_files import flat, write_files

from joryu.examples import Examples, load_examples
from joryu.questions import Question


def make(root: Path, *pictures: str, **tables: str) -> Path:
    """Pictures that differ, in the order they are named, and tables: ``labels_csv`` is called ``labels.csv``."""
    files = {name: flat(at + 1) for at, name in enumerate(pictures)}
    return write_files(root, files | {name.replace("_", "."): text.encode() for name, text in tables.items()})


def load(root: Path, split: str = "train") -> Examples:
    return load_examples(f"folder:{root}", split=split)


@pytest.mark.parametrize(
    ("train", "test", "expected"),
    [
        (["palm tree;sea", "sea"], ["palm tree", "sea"], [[1, 0], [0, 1]]),
        (["palm tree", "sea"], ["palm tree", "sea;palm tree"], [[1, 0], [1, 1]]),
        (["palm tree, sea", "sea"], ["palm tree", "old boat"], [[1, 0], [0, 0]]),
        (["['palm tree', 'sea']", "['sea']"], ["['palm tree']", "['sea']"], [[1, 0], [0, 1]]),
    ],
)
def test_cells_of_one_table_are_divided_alike_in_all_splits(
    tmp_path: Path, train: list[str], test: list[str], expected: list[list[int]]
) -> None:
    """Of a split with single tags alone, "palm tree" became "palm" and "tree", and so known not to be there."""
    rows = "".join(f'{at}.png,"{cell}"\n' for at, cell in enumerate([*train, *test]))
    pictures = [f"{'train' if at < len(train) else 'test'}/{at}.png" for at in range(len(train) + len(test))]
    root = make(tmp_path, *pictures, t_csv=f"file,tags\n{rows}")
    assert load(root).question == Question.tags(["palm tree", "sea"])
    assert load(root, "test").labels_or_empty.tolist() == expected


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["palm tree", "sea"], [[1, 0], [0, 1]]),
        (["palm tree", "a sea"], [[1, 0], [0, 0]]),
        (["sea|palm tree", "sea"], [[1, 1], [0, 1]]),
        (["an old, grey boat;sea", "palm tree"], [[0, 1], [1, 0]]),
        (["an old boat by the sea", "a palm tree"], [[0, 0], [0, 0]]),
    ],
)
def test_cells_of_a_table_of_its_own_are_divided_by_what_train_has(
    tmp_path: Path, cells: list[str], expected: list[list[int]]
) -> None:
    rows = "".join(f'{at}.png,"{cell}"\n' for at, cell in enumerate(cells))
    root = make(
        tmp_path, "train/8.png", "train/9.png", "test/0.png", "test/1.png",
        train_csv="file,tags\n8.png,palm tree;sea\n9.png,sea\n", test_csv=f"file,tags\n{rows}",
    )  # fmt: skip
    assert load(root).question == Question.tags(["palm tree", "sea"])
    assert load(root, "test").labels_or_empty.tolist() == expected


@pytest.mark.parametrize("ending", ["csv", "jsonl", "txt"])
def test_a_row_of_labels_may_be_as_long_as_its_file(tmp_path: Path, ending: str) -> None:
    note = "a word " * 400_000
    rows = [("0.png", "cat", "short"), ("1.png", "dog", note), ("2.png", "cat", note)]
    lines = [json.dumps(dict(zip(("file", "label", "note"), row, strict=True))) for row in rows]
    text = "\n".join(lines if ending == "jsonl" else ["file,label,note", *map(",".join, rows)])
    root = make(tmp_path, *(f"{at}.png" for at in range(3)), **{f"t_{ending}": text})
    examples = load(root)
    assert (examples.classes, examples.labels_or_empty.tolist()) == (("cat", "dog"), [0, 1, 0])
