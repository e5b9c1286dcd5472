"""Whatever an export of Label Studio holds, its annotations are answers or left out by name; nothing ends an import."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from garden import SETTINGS, write
from hypothesis import given, settings
from hypothesis import strategies as st

from joryu.annotations import Project
from joryu.annotations.exchange import LeftOut, import_answers
from joryu.annotations.exchange.label_studio import META, STATED
from joryu.annotations.exchange.label_studio_reading import answers_of
from joryu.annotations.exchange.records import answer_of
from joryu.errors import InputError

HEALTHY, RUST = ["healthy", None, None, None], ["rust", None, None, None]
ODD = st.sampled_from(
    [None, True, 0, -1, 1.5, 10**400, float("nan"), float("inf"), "", "\ud83d", "rust", "2024-01-01", [], {}, [[1]],
     {"id": 3}, "0001-01-01T00:00:00+23:59", "9" * 30, HEALTHY, RUST]
)  # fmt: skip


def objects(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects of which each field is as it should be, odd, or not there."""
    return st.fixed_dictionaries({}, optional={name: field | ODD for name, field in fields.items()})


REGION = st.just({"from_name": "class", "type": "choices", "value": {"choices": ["rust"]}}) | objects(
    from_name=st.just("class"), value=objects(choices=st.just(["rust"]))
)
OURS = objects(at=st.just(5.0), annotator=st.just("ann"), showing=ODD, session=ODD, rt_ms=ODD, order=ODD,
               **{STATED: st.sampled_from([HEALTHY, RUST]), "signal:attention": ODD})  # fmt: skip
TASK = objects(
    id=st.just(1),
    data=objects(image=st.sampled_from(["roses/c.jpg", "http://["])),
    meta=st.fixed_dictionaries({META: objects(picture=st.just("k3"), answers=st.fixed_dictionaries({"11": OURS}))}),
    annotations=st.lists(
        objects(id=st.just(11), completed_by=ODD, result=st.lists(REGION, min_size=1, max_size=2), created_at=ODD,
                updated_at=ODD, lead_time=ODD, was_cancelled=ODD, import_id=ODD),
        max_size=3,
    ),
)  # fmt: skip


@settings(max_examples=200)
@given(st.lists(TASK, max_size=3))
def test_every_annotation_is_an_answer_or_left_out_by_name(tasks: list[Any]) -> None:
    left_out, remarks = list[LeftOut](), list[LeftOut]()
    try:
        records = list(answers_of(tasks, SETTINGS, left_out))
    except InputError as refused:
        assert str(refused).startswith("there is no telling which control names the class")
        return
    for record in records:
        try:
            answer = answer_of(record, "k3", remarks)
        except InputError as refused:
            assert str(refused).startswith(record.where)
        else:
            assert answer.showing >= 0
            assert answer.annotator.encode()
    assert all(one.name and one.reason for one in (*left_out, *remarks))


@pytest.mark.parametrize("at", [10**400, -1, float("nan"), float("inf"), 2**60, True, "5", None])
def test_a_change_of_what_never_was_is_a_change_all_the_same(at: object, project: Project, tmp_path: Path) -> None:
    """What Joryu kept in a task about the time of an answer may have been tampered with."""
    task = {
        "id": 1,
        "data": {"image": "roses/c.jpg"},
        "meta": {META: {"picture": "k3", "answers": {"11": {STATED: HEALTHY, "at": at, "annotator": "ann"}}}},
        "annotations": [
            {"id": 11, "updated_at": "2024-01-01T00:00:00Z",
             "result": [{"from_name": "class", "type": "choices", "value": {"choices": ["rust"]}}]}
        ],
    }  # fmt: skip
    assert import_answers(project, write(tmp_path, task)).new == 1
    assert [(one.annotator, one.choice) for one in project.answers()] == [("ann", "rust")]
