"""`tflite:FILE`: what it is shown, what its numbers mean, whose names they are; and what is refused."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest
import torch
from PIL import Image
from tiny_tflite import write_tflite

from joryu.errors import InputError, MismatchError
from joryu.examples import load_examples
from joryu.examples.known import data_root
from joryu.questions import Link, Question
from joryu.teachers import find_teacher, load_teacher
from joryu.teachers.foreign.description import options_of
from joryu.teachers.foreign.model import Foreign
from joryu.teachers.foreign.tflite_file import open_tflite
from joryu.teachers.spec import load_for_pictures

ABC = ["ant", "bee", "cat"]
FLOATS = ",mean=128,std=128"


def pictures(channels: int = 1, side: int = 8) -> torch.Tensor:
    dice = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (5, channels, side, side), dtype=torch.uint8, generator=dice)


@pytest.mark.parametrize("kind", ["uint8", "int8"])
@pytest.mark.parametrize(("end", "link"), [("SOFTMAX", Link.SOFTMAX), ("LOGISTIC", Link.SIGMOID)])
def test_quantised_numbers_mean_what_the_floats_mean(kind: str, end: str, link: Link, tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("ant\nbee\ncat\n")
    floats = load_teacher(f"tflite:{write_tflite(tmp_path / 'a.tflite', 'float32', end=end)}{FLOATS}")
    small = load_teacher(f"tflite:{write_tflite(tmp_path / 'b.tflite', kind, end=end)}")
    assert small.question == floats.question
    assert (small.question.link, small.question.names) == (link, tuple(ABC))
    gap = small.label(pictures()).probs() - floats.label(pictures()).probs()
    assert gap.abs().max() < 2 / 256


def test_a_tensor_before_the_end_holds_logits(tmp_path: Path) -> None:
    path = write_tflite(tmp_path / "a.tflite", "float32")
    probs = load_teacher(f"tflite:{path}{FLOATS}", classes=ABC).label(pictures()).probs()
    logits = load_teacher(f"tflite:{path},tensor=logits{FLOATS}", classes=ABC).label(pictures())
    assert torch.allclose(logits.probs(), probs, atol=1e-6)
    assert logits.values.max() > 1


def test_pictures_of_another_size_are_resized(tmp_path: Path) -> None:
    model = Foreign(open_tflite(options_of("tflite", str(write_tflite(tmp_path / "a.tflite")))))
    large = pictures().repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert (model(large) - model(pictures())).abs().max() < 0.2
    with pytest.raises(MismatchError, match=r"expected uint8 \[B, 1, 8, 8\]; received uint8 \[5, 3, 8, 8\]"):
        model(pictures(3))


def test_names_lie_beside_the_model_in_it_or_where_one_says(tmp_path: Path) -> None:
    path = write_tflite(tmp_path / "a.tflite")
    with pytest.raises(InputError, match=r"what its 3 outputs are called .*,labels=FILE"):
        load_teacher(f"tflite:{path}")
    (tmp_path / "my_labels.txt").write_text("crane\nbee\ncrane\n")
    assert load_teacher(f"tflite:{path}").question.names == ("crane (0)", "bee", "crane (2)")
    (tmp_path / "other.txt").write_text("a\nb\n")
    with pytest.raises(MismatchError, match=r"expected 3 names; received 2 classes a, b"):
        load_teacher(f"tflite:{path},labels={tmp_path / 'other.txt'}")
    with zipfile.ZipFile(path, "a") as inside:
        inside.writestr("labels.txt", "x\ny\nz\n")
    assert load_teacher(f"tflite:{path}").question.names == ("x", "y", "z")
    asked = Question.one_of(["z", "x", "y"])
    one, other = load_teacher(f"tflite:{path}"), load_teacher(f"tflite:{path}", question=asked)
    assert torch.allclose(one.label(pictures()).probs()[:, 2], other.label(pictures()).probs()[:, 0])


def test_what_cannot_be_meant_is_refused(tmp_path: Path) -> None:
    path = write_tflite(tmp_path / "a.tflite", "float32")
    (tmp_path / "none.tflite").write_bytes(b"no model")
    for spec, said in {
        f"{tmp_path / 'nowhere'}": "no model at",
        f"{tmp_path / 'none.tflite'}": "expected a TensorFlow Lite model",
        f"{path}": "takes floats, and does not say of what range",
        f"{path},mean=1,std=0": "std is not usable (expected numbers above 0",
        f"{path},mean=x,std=1": "mean is not usable",
        f"{path},mean=1,std=1,mean=2": "says an option twice",
        f"{path},mean=1,std=1,output=scores": "has no outputs called scores (expected one; its outputs are probs",
        f"{path},mean=1,std=1,size=4": "has no such option",
        f"{path},mean=1,std=1,tensor=nothing": "no tensors called nothing",
    }.items():
        with pytest.raises(InputError, match=re.escape(said)):
            load_teacher(f"tflite:{spec}", classes=ABC)


def test_a_network_says_how_files_become_its_input_or_is_told(tmp_path: Path) -> None:
    path = write_tflite(tmp_path / "a.tflite")
    (tmp_path / "labels.txt").write_text("ant\nbee\ncat\n")
    _, preparation = load_for_pictures(f"tflite:{path}")
    assert (preparation.channels, preparation.height, preparation.width) == (1, 8, 8)
    with pytest.raises(InputError, match="size is not usable"):
        load_for_pictures(f"tflite:{path}", size=9)
    with pytest.raises(InputError, match="does not say how large"):
        load_for_pictures("module:a:b")
    with pytest.raises(InputError, match="cannot be asked about new pictures"):
        load_for_pictures("human:project")


def test_examples_are_read_again_at_its_size(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / "set" / name).mkdir(parents=True)
        Image.new("L", (20, 20), 90).save(tmp_path / "set" / name / "1.png")
    (tmp_path / "labels.txt").write_text("a\nb\nc\n")
    examples = load_examples(f"folder:{tmp_path / 'set'}", size=16)
    spec = f"tflite:{write_tflite(tmp_path / 'a.tflite')}"
    with pytest.raises(MismatchError, match="classes"):
        find_teacher(spec, examples)


def test_the_real_network_knows_a_parrot() -> None:
    folder = data_root() / "tflite_imagenet"
    if not folder.is_dir():
        pytest.skip("no tflite_imagenet under JORYU_DATA")
    teacher, preparation = load_for_pictures(f"tflite:{folder / 'mobilenet_v2_1.0_224_quant.tflite'}")
    assert len(teacher.question) == len(set(teacher.question.names)) == 1001
    probs = teacher.label(preparation.read(folder / "parrot.jpg")[None]).probs()
    assert teacher.question.names[int(probs.argmax())] == "macaw"
