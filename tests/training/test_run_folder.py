"""What a run folder holds, which folders are refused, and what a run may begin with."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from scenes import PLAN, digits, fit, recipe

from joryu.errors import InputError, MismatchError
from joryu.examples import parse_views
from joryu.objectives import Distillation, HardLabels
from joryu.students import fingerprint, load_student
from joryu.training import LabelsAlone, Recipe, Run, TrainingData, read_history, read_run, train
from joryu.training.trainer import describe


def test_another_request_is_refused_and_named(tmp_path: Path) -> None:
    fit(tmp_path, recipe())
    with pytest.raises(MismatchError, match=r"another recipe \(expected epochs 3; received epochs 4\)") as caught:
        fit(tmp_path, recipe(epochs=4))
    assert "choose another folder" in str(caught.value)
    for change, named in (
        ({"plan": PLAN.model_copy(update={"architecture": "mlp:7x1"})}, "student"),
        ({"examples": digits(97)}, "examples"),
        ({"validation": digits(97)}, "validation"),
        ({"objective": HardLabels(label_smoothing=0.1)}, "objective"),
        ({"examples_per_epoch": 96}, "examples_per_epoch"),
    ):
        with pytest.raises(MismatchError, match=f"a run with another {named} ") as caught:
            fit(tmp_path, recipe(), **change)
        assert "\n" not in str(caught.value)


def test_other_labels_are_other_examples(tmp_path: Path) -> None:
    fit(tmp_path, recipe())
    with pytest.raises(MismatchError, match="another examples"):
        fit(tmp_path, recipe(), examples=digits(96).hide_labels(torch.tensor([3])))


def test_other_labels_that_judge_are_another_validation(tmp_path: Path) -> None:
    judges = digits(97)
    fit(tmp_path, recipe(), validation=judges)
    fit(tmp_path, recipe(), validation=digits(97))
    with pytest.raises(MismatchError, match="another validation"):
        fit(tmp_path, recipe(), validation=judges.hide_labels(torch.tensor([3])))


def test_a_run_that_did_not_note_what_judged_it_is_still_known(tmp_path: Path) -> None:
    fit(tmp_path, recipe(), validation=digits(97))
    record = json.loads((tmp_path / "run.json").read_text())
    del record["request"]["validation"]["content"]
    (tmp_path / "run.json").write_text(json.dumps(record))
    fit(tmp_path, recipe(), validation=digits(97))


def test_a_run_that_never_got_anywhere_gives_way(tmp_path: Path) -> None:
    """A mistake that shows at the first step does not cost the folder."""
    with pytest.raises(InputError, match="no soft targets"):
        fit(tmp_path, recipe(), objective=Distillation())
    assert "finished" not in read_run(tmp_path)
    fit(tmp_path, recipe())
    assert read_run(tmp_path)["request"]["objective"]["name"] == "hard-labels"


def test_two_cannot_train_in_one_folder(tmp_path: Path) -> None:
    with Run(tmp_path).held(), pytest.raises(InputError, match="written by another process"):
        fit(tmp_path, recipe())


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write the run folder"):
        fit(tmp_path / "file" / "run", recipe())


def test_a_store_is_no_place_for_a_run(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(InputError, match="holds soft targets"):
        fit(tmp_path, recipe())
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.json"]


def test_the_run_folder(tmp_path: Path) -> None:
    held_out = digits(300).select(range(200, 300))
    notes = {"examples": "digits"}
    run = Run(tmp_path, command="joryu train", notes=notes)
    data = TrainingData(digits(96), validation=held_out)
    trained = train(PLAN, data, objective=HardLabels(), recipe=recipe(), run=run)
    record = read_run(tmp_path)
    assert record["request"] == json.loads(json.dumps(describe(PLAN, data, HardLabels(), recipe())))
    assert (record["command"], record["notes"]) == ("joryu train", notes)
    assert {"started", "finished", "seconds", "joryu", "machine", "best_epoch", "precision", "device"} <= set(record)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert lines == trained.history == read_history(tmp_path)
    names = {"epoch", "train_loss", "train_hard", "learning_rate", "seconds", "validation_loss", "validation_accuracy"}
    assert [set(line) for line in lines] == [names] * 3
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    (events,) = tmp_path.glob("events.out.tfevents.*")
    content = events.read_bytes()
    assert all(name.encode() in content for name in names - {"epoch"})
    module, plan = load_student(tmp_path)
    assert plan == PLAN
    assert torch.equal(module(held_out.inputs), trained.module(held_out.inputs))


def test_the_request_of_a_run_on_labels_and_views() -> None:
    """Runs that take days are gone on with by later versions: these are the entries they agree on."""
    found = describe(PLAN, TrainingData(digits(96), LabelsAlone(parse_views("shift:1"))), HardLabels(), Recipe())
    assert set(found) == {"student", "examples", "validation", "targets", "views", "objective", "recipe"}
    assert found["examples"] == {"name": "digits", "n": 96, "content": found["examples"]["content"]}
    assert (found["validation"], found["targets"], found["views"]) == (None, None, "shift:1")
    assert found["objective"] == {"name": "hard-labels", "label_smoothing": 0.0}
    assert ",".join(found["recipe"]) == (
        "epochs,batch_size,optimiser,learning_rate,weight_decay,momentum,schedule,warmup,final_rate,clip,max_norm,ema,"
        "patience,keep,precision,compile,seed"
    )
    assert ",".join(found["student"]) == "architecture,input_shape,classes,mean,std,scale"


def test_a_run_can_begin_with_the_weights_of_another(tmp_path: Path) -> None:
    first = fit(tmp_path / "first", recipe(ema=0.5))
    hardly = recipe(seed=1, epochs=1, learning_rate=1e-9, schedule="constant")
    shown = TrainingData(digits(96))
    run = Run(tmp_path / "second", begin_with=first.folder)
    second = train(PLAN, shown, objective=HardLabels(), recipe=hardly, run=run)
    for name, weights in first.module.state_dict().items():
        torch.testing.assert_close(second.module.state_dict()[name], weights, rtol=0, atol=1e-7)
    assert not torch.equal(second.module[1][1].weight, fit(tmp_path / "third", hardly).module[1][1].weight)
    asked = read_run(run.folder)["request"]["begin_with"]
    assert asked == fingerprint(first.module)

    other = fit(tmp_path / "other", recipe(seed=2))
    for folder, what in (
        (other.folder, f"expected {asked}; received [0-9a-f]+"),
        (None, f"expected {asked}; received none"),
    ):
        with pytest.raises(MismatchError, match=f"another begin_with .*{what}"):
            train(PLAN, shown, objective=HardLabels(), recipe=hardly, run=replace(run, begin_with=folder))
    wider = PLAN.model_copy(update={"architecture": "mlp:7x1"})
    with pytest.raises(MismatchError, match=r"another student .*expected architecture mlp:7x1; received .*mlp:6x1"):
        train(wider, shown, objective=HardLabels(), recipe=hardly, run=replace(run, folder=tmp_path / "wider"))
    with pytest.raises(InputError, match="not a finished run"):
        train(PLAN, shown, objective=HardLabels(), recipe=hardly, run=replace(run, begin_with=tmp_path))
