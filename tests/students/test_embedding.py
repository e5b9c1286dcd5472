"""`mlp:…,embed=N`: a column of categories becomes a learned vector, in the student, on disk and exported."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from joryu.errors import InputError
from joryu.examples import load_examples
from joryu.questions import Question
from joryu.serving import load
from joryu.students import Blueprint, build_architecture, load_student, save_student
from joryu.students.architecture import require_architecture
from joryu.students.embedding import Embedding


def test_a_category_is_a_row_of_its_table_and_numbers_stay() -> None:
    embedding = Embedding(6, [(0, 2), (3, 6)], width=2)
    with torch.no_grad():
        embedding.tables[0].weight.copy_(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        embedding.tables[1].weight.copy_(torch.tensor([[5.0, 6.0, 7.0], [8.0, 9.0, 10.0]]))
    rows = torch.tensor([[0.0, 1.0, 0.5, 1.0, 0.0, 0.0], [0.0, 0.0, -2.0, 0.0, 0.0, 1.0]])
    assert embedding(rows).tolist() == [[0.5, 2.0, 4.0, 5.0, 8.0], [-2.0, 0.0, 0.0, 7.0, 10.0]]
    assert embedding.width == 5


def test_what_cannot_be_embedded_is_refused() -> None:
    for spec, said in {
        "mlp:8x1,embed=0": "received 0",
        "mlp:8x1,embed=a": "received a",
        "mlp:8x1,embed": "received ",
    }.items():
        with pytest.raises(InputError, match=f"cannot read embed .*1 to 9999; {said}"):
            require_architecture(spec)
    with pytest.raises(InputError, match=r"cannot read architecture cnn:8x1,embed=4 .*with options dropout, for"):
        require_architecture("cnn:8x1,embed=4")
    with pytest.raises(InputError, match=r"mlp:8x1,embed=4 has nothing to embed .*columns of categories"):
        build_architecture("mlp:8x1,embed=4", (3,), 2)


def test_a_student_on_disk_embeds_and_answers_rows_with_words(tmp_path: Path) -> None:
    dice = np.random.default_rng(0)
    towns, ages = dice.choice(["bern", "oslo", "rome"], 30), dice.normal(40, 10, 30).round(1)
    lines = [
        "age,town,price",
        *(f"{age},{town},{age + 9 * (town == 'rome'):.1f}" for age, town in zip(ages, towns, strict=True)),
    ]
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")
    examples = load_examples(f"table:{tmp_path / 'a.csv'},target=price", split="train")
    plan = Blueprint.fitted(
        "mlp:8x1,embed=2", examples.inputs, Question.numbers(["price"]), preparation=examples.preparation,
        outputs_like=examples.labels,
    )  # fmt: skip
    student = plan.build().eval()
    save_student(tmp_path, student, plan)
    assert json.loads((tmp_path / "student.json").read_text())["architecture"] == "mlp:8x1,embed=2"
    again, _ = load_student(tmp_path)
    assert [list(one.shape) for one in again.state_dict().values() if one.shape[-1:] == (3,)][-2:] == [[2, 3], [8, 3]]
    assert torch.equal(again(examples.inputs[:]), student(examples.inputs[:]))
    said = load(tmp_path).predict({"age": [40.0, 40.0], "town": ["rome", "bern"]})
    assert said[0].numbers["price"] != said[1].numbers["price"]
