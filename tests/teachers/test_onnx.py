"""`onnx:FILE`: which numbers are read, how inputs become what it takes; and what is refused, in one clear line."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_onnx import write_classifier, write_columns, write_onnx

from joryu.errors import InputError, MismatchError
from joryu.examples import Examples
from joryu.questions import Link, Question
from joryu.students import Blueprint
from joryu.teachers import find_teacher, load_teacher
from joryu.teachers.spec import describe_inputs, load_for_pictures

ABC = ("ant", "bee", "cat")
UNIT = ",range=0..1"


def pictures(channels: int = 1, side: int = 8) -> torch.Tensor:
    dice = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (5, channels, side, side), dtype=torch.uint8, generator=dice)


def asked(path: Path, options: str = UNIT, inputs: torch.Tensor | None = None) -> torch.Tensor:
    return load_teacher(f"onnx:{path}{options}", classes=ABC).label(pictures() if inputs is None else inputs).values


def by_hand(path: Path, values: torch.Tensor) -> torch.Tensor:
    """What onnxruntime itself answers, without Joryu."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return torch.from_numpy(session.run(["probs"], {"pictures": values.numpy()})[0])


@pytest.mark.parametrize(("end", "link"), [("Softmax", Link.SOFTMAX), ("Sigmoid", Link.SIGMOID)])
def test_the_logits_before_its_end_are_read(end: str, link: Link, tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("\n".join(ABC))
    path = write_onnx(tmp_path / "a.onnx", end=end)
    logits = load_teacher(f"onnx:{path}{UNIT}")
    assert logits.question == Question(names=ABC, link=link)
    plain = load_teacher(f"onnx:{path}{UNIT},output=probs")
    assert logits.label(pictures()).values.max() > 1
    expected = by_hand(path, pictures().float() / 255)
    assert torch.allclose(logits.label(pictures()).probs(), expected, atol=1e-6)
    assert torch.allclose(plain.label(pictures()).probs(), expected, atol=1e-5)


def test_of_several_outputs_one_is_chosen_by_whoever_asks(tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "a.onnx", both=True)
    with pytest.raises(InputError, match=re.escape("has 2 outputs (expected one of logits, probs, or its number")):
        asked(path)
    logits = asked(path, f"{UNIT},output=logits")
    for output in ("probs", "1", "1:probs", "logits:logits", "0"):
        assert torch.allclose(asked(path, f"{UNIT},output={output}").softmax(1), logits.softmax(1), atol=1e-5)
    with pytest.raises(InputError, match="has no output scores"):
        asked(path, f"{UNIT},output=scores")


def test_range_mean_and_layout_are_those_that_are_said(tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "a.onnx", shape=("n", 3, 8, 8))
    last = write_onnx(tmp_path / "b.onnx", shape=("n", 8, 8, 3))
    colour = pictures(3)
    mean, std = torch.tensor([0.4, 0.5, 0.6]).view(1, 3, 1, 1), torch.tensor([0.2, 0.25, 0.3]).view(1, 3, 1, 1)
    told = f"{UNIT},mean=0.4,0.5,0.6,std=0.2,0.25,0.3"
    values = (colour / 255 - mean) / std
    assert torch.allclose(asked(path, told, colour).softmax(1), by_hand(path, values), atol=1e-5)
    moved = values.movedim(1, -1).contiguous()
    assert torch.allclose(asked(last, told, colour).softmax(1), by_hand(last, moved), atol=1e-5)
    (tmp_path / "a.onnx.toml").write_text('[input]\ncolours = "BGR"\nrange = [-1, 1]\n')
    swapped = (colour / 127.5 - 1).flip(1).contiguous()
    assert torch.allclose(asked(path, "", colour).softmax(1), by_hand(path, swapped), atol=1e-5)
    assert torch.allclose(asked(path, "", colour[:, :1]), asked(path, "", colour[:, :1].expand(-1, 3, -1, -1)))


def test_a_batch_of_one_is_asked_one_at_a_time(tmp_path: Path) -> None:
    whole = write_onnx(tmp_path / "a.onnx")
    for size in (1, 2):
        single = write_onnx(tmp_path / f"{size}.onnx", shape=(size, 1, 8, 8))
        assert torch.allclose(asked(single), asked(whole), atol=1e-6)


def test_rows_of_a_table_are_given_as_they_are(tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "a.onnx", shape=("n", 4))
    rows = torch.linspace(-2, 2, 20).reshape(5, 4)
    found = load_teacher(f"onnx:{path}", classes=ABC).label(rows).probs()
    assert torch.allclose(found, by_hand(path, rows), atol=1e-6)
    with pytest.raises(MismatchError, match=re.escape("expected [B, 4]; received float32 [5, 3]")):
        asked(path, "", rows[:, :3])
    with pytest.raises(MismatchError, match=re.escape("expected [B, 4]; received float32 [5, 64]")):
        asked(path, UNIT)
    flat = write_onnx(tmp_path / "b.onnx", shape=("n", 64))
    image = write_onnx(tmp_path / "c.onnx")
    assert torch.allclose(asked(flat), asked(image), atol=1e-6)
    with pytest.raises(InputError, match="range"):
        asked(flat, "")


@pytest.mark.parametrize("zipmap", [True, False])
@pytest.mark.parametrize("kind", ["strings", "int64s"])
def test_a_classifier_of_skl2onnx_gives_its_probabilities_and_names(zipmap: bool, kind: str, tmp_path: Path) -> None:
    names = ABC if kind == "strings" else ("0", "1", "2")
    path = write_classifier(tmp_path / "a.onnx", kind, zipmap=zipmap)
    rows = torch.tensor([[0.0, 0.0], [1.0, 2.0], [-1.0, 0.5]])
    teacher = load_teacher(f"onnx:{path}")
    assert teacher.question == Question.one_of(names)
    # logits by hand: a - b, b, 0
    logits = torch.stack([rows[:, 0] - rows[:, 1], rows[:, 1], torch.zeros(3)], dim=1)
    assert torch.allclose(teacher.label(rows).probs(), logits.softmax(1), atol=1e-6)
    assert torch.allclose(load_teacher(f"onnx:{path},output=1").label(rows).probs(), logits.softmax(1), atol=1e-6)
    turned = load_teacher(f"onnx:{path}", classes=names[::-1], order=names)
    assert torch.allclose(turned.label(rows).probs().flip(1), logits.softmax(1), atol=1e-6)
    with pytest.raises(MismatchError, match="the teacher's are others"):
        load_teacher(f"onnx:{path}", classes=("cow", "dog", "elk"))
    with pytest.raises(InputError, match=re.escape("with options={'zipmap': False}")):
        load_teacher(f"onnx:{path},output=label")


@pytest.mark.parametrize("rest", ["", ",output=sbee", ",output=1", ",output=probs"])
def test_a_classifier_with_an_output_for_each_class_is_refused(rest: str, tmp_path: Path) -> None:
    path = write_columns(tmp_path / "a.onnx")
    said = "received 3 classes sant, sbee, scat); convert it with options={'zipmap': False}"
    with pytest.raises(InputError, match=re.escape(said)) as refused:
        load_teacher(f"onnx:{path}{rest}")
    assert "\n" not in str(refused.value)


def test_all_scores_of_it_may_be_named_all_the_same(tmp_path: Path) -> None:
    path = write_columns(tmp_path / "a.onnx")
    path.with_name("a.onnx.toml").write_text('[output]\ntensor = "scores"\n')
    rows = torch.tensor([[0.0, 0.0], [1.0, 2.0]])
    teacher = load_teacher(f"onnx:{path}")
    assert teacher.question == Question.one_of(ABC)
    assert torch.allclose(teacher.label(rows).probs(), torch.tensor([[0.0, 0, 0], [-1, 2, 0]]).softmax(1), atol=1e-6)


def test_both_shapes_are_named_where_they_differ(tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "a.onnx")
    with pytest.raises(MismatchError, match=re.escape("expected uint8 [B, 1, 8, 8]; received uint8 [5, 3, 8, 8]")):
        asked(path, UNIT, pictures(3))
    with pytest.raises(MismatchError, match=re.escape("expected uint8 [B, 1, 8, 8]; received float32 [5, 64]")):
        asked(path, UNIT, torch.zeros(5, 64))
    (tmp_path / "a.onnx.toml").write_text("[input]\nheight = 9\n")
    with pytest.raises(MismatchError, match=re.escape("differ in height (expected 8; received 9)")):
        asked(path)


def test_what_joryu_exported_says_all_of_itself(tmp_path: Path) -> None:
    from joryu.export.by_ranges import float_onnx
    from joryu.export.contents import properties
    from joryu.export.graph import finish

    plan = Blueprint(architecture="mlp:8x1", input_shape=(1, 8, 8), classes=ABC, scale=1 / 255)
    student = plan.build().eval()
    model = finish(float_onnx(student, pictures()), plan, properties(plan, "f", "float"))
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    teacher = load_teacher(f"onnx:{tmp_path / 'model.onnx'}")
    assert teacher.question == plan.question
    assert torch.allclose(teacher.label(pictures()).values, student(pictures()).detach(), atol=1e-5)
    assert load_for_pictures(f"onnx:{tmp_path / 'model.onnx'}")[1].height == 8

    (tmp_path / "others.txt").write_text("cow\ndog\nelk")
    renamed = load_teacher(f"onnx:{tmp_path / 'model.onnx'},labels={tmp_path / 'others.txt'}")
    assert renamed.question.names == ("cow", "dog", "elk")  # what is typed comes before what the model says
    with pytest.raises(MismatchError, match="the teacher's are others"):
        load_teacher(f"onnx:{tmp_path / 'model.onnx'},labels={tmp_path / 'others.txt'}", classes=ABC)
    (tmp_path / "turned.txt").write_text("\n".join(ABC[::-1]))
    turned = load_teacher(f"onnx:{tmp_path / 'model.onnx'},labels={tmp_path / 'turned.txt'}", classes=ABC)
    assert torch.allclose(turned.label(pictures()).values, student(pictures()).detach().flip(1), atol=1e-5)


def test_what_is_no_model_is_refused_in_one_line(tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "a.onnx")
    whole = path.read_bytes()
    (tmp_path / "cut.onnx").write_bytes(whole[:-20])
    (tmp_path / "pickle.onnx").write_bytes(pickle.dumps({"weights": np.zeros(3)}))
    (tmp_path / "lfs.onnx").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    (tmp_path / "empty.onnx").write_bytes(b"")
    (tmp_path / "garbage.onnx").write_bytes(bytes(range(256)))
    (tmp_path / "bad.onnx").write_bytes(whole)
    (tmp_path / "bad.onnx.toml").write_text("[input]\nrnage = [0, 1]\n")
    outside = write_onnx(tmp_path / "outside.onnx", beside="../weights.bin")
    for name, said in {
        "nowhere.onnx": "no model at",
        "cut.onnx": "cannot be used",
        "pickle.onnx": "received a pickle, which could run any program",
        "lfs.onnx": "received a pointer of Git LFS",
        "empty.onnx": "received an empty file",
        "garbage.onnx": "cannot be used",
        "bad.onnx": "input.rnage is not known",
        outside.name: "wants weights from outside its folder",
    }.items():
        with pytest.raises(InputError, match=re.escape(said)) as error:
            asked(tmp_path / name)
        assert "\n" not in str(error.value)
    for options, said in {
        "": "takes floats, and does not say of what range",
        ",range=0": "range is not usable (expected LOW..HIGH",
        ",range=0..x": "range is not usable (expected LOW..HIGH",
        ",layout=CHWN": "layout is not usable (expected NCHW or NHWC; received CHWN)",
        f"{UNIT},mean=1,2": "mean: 1 or 1 numbers",
        f"{UNIT},tensor=none": "tensor no tensor of that name",
    }.items():
        with pytest.raises(InputError, match=re.escape(said)):
            asked(path, options)


def test_weights_beside_it_are_read_and_are_part_of_what_it_is(tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "a.onnx", beside="weights.bin")
    assert torch.equal(asked(path), asked(write_onnx(tmp_path / "b.onnx")))
    before = load_teacher(f"onnx:{path}{UNIT}", classes=ABC).fingerprint
    weights = bytearray((tmp_path / "weights.bin").read_bytes())
    weights[2] ^= 1
    (tmp_path / "weights.bin").write_bytes(weights)
    assert load_teacher(f"onnx:{path}{UNIT}", classes=ABC).fingerprint != before
    (tmp_path / "weights.bin").unlink()
    with pytest.raises(InputError, match=r"no model at .*weights\.bin \(expected the weights of a\.onnx"):
        asked(path)


def test_another_kind_of_question_is_refused(tmp_path: Path) -> None:
    path = write_onnx(tmp_path / "a.onnx")
    with pytest.raises(MismatchError, match=re.escape("(expected sigmoid outputs; received softmax outputs)")):
        load_teacher(f"onnx:{path}{UNIT}", question=Question.tags(ABC))
    bare = write_onnx(tmp_path / "bare.onnx", end="")
    numbers = load_teacher(f"onnx:{bare}{UNIT}", question=Question.numbers(ABC))
    assert torch.equal(numbers.label(pictures()).numbers(), asked(bare))


def test_examples_are_told_how_they_are_shown(tmp_path: Path) -> None:
    spec = f"onnx:{write_onnx(tmp_path / 'a.onnx')}{UNIT},mean=0.5,std=0.25"
    examples = Examples.of(pictures(side=12), classes=list(ABC))
    teacher, known = find_teacher(spec, examples)
    assert len(teacher.label(known.inputs)) == 5
    assert describe_inputs(spec, examples, examples) == (
        "the model is shown uint8 [B, 1, 12, 12], values 0 to 255, turned into what it takes: pictures of 8×8 as"
        " float32 NCHW, pixels as 0 to 1, less 0.5, divided by 0.25"
    )
