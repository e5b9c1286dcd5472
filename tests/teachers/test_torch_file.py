"""`torch:FILE.pt2`: which output is read, and that nothing in an archive runs because it is read."""

from __future__ import annotations

import io
import json
import pickle
import re
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from joryu.errors import InputError, MismatchError
from joryu.questions import Link
from joryu.teachers import load_teacher

ABC = ("ant", "bee", "cat")
UNIT = ",range=0..1"


class Plain(nn.Module):
    def __init__(self, end: Callable[[Tensor], Any] = lambda logits: logits) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout(), nn.Flatten(), nn.Linear(72, 3))
        self.end = end

    def forward(self, pictures: Tensor) -> Any:
        return self.end(self.layers(pictures))


def pictures() -> Tensor:
    return torch.randint(0, 256, (5, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def exported(path: Path, module: nn.Module, *, batch: int | None = None) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        free = None if batch is not None else ({0: torch.export.Dim("n")},)
        program = torch.export.export(module, (torch.zeros(batch or 2, 1, 8, 8),), dynamic_shapes=free)
        torch.export.save(program, path)
    return path


@pytest.mark.parametrize("batch", [None, 1, 2])
def test_it_answers_as_the_module_does(batch: int | None, tmp_path: Path) -> None:
    module = Plain().eval()
    path = exported(tmp_path / "a.pt2", module, batch=batch)
    found = load_teacher(f"torch:{path}{UNIT}", classes=ABC).label(pictures()).values
    assert torch.allclose(found, module(pictures() / 255), atol=1e-5)


def test_of_a_dictionary_or_tuple_one_output_is_chosen(tmp_path: Path) -> None:
    both = Plain(lambda logits: {"features": logits[:, :2], "logits": logits}).eval()
    path = exported(tmp_path / "a.pt2", both)
    with pytest.raises(InputError, match=re.escape("has 2 outputs (expected one of features, logits, or its number)")):
        load_teacher(f"torch:{path}{UNIT}", classes=ABC)
    found = load_teacher(f"torch:{path}{UNIT},output=logits", classes=ABC).label(pictures()).values
    assert torch.allclose(found, both(pictures() / 255)["logits"], atol=1e-5)
    with pytest.raises(MismatchError, match="expected 2 names"):
        load_teacher(f"torch:{path}{UNIT},output=features", classes=ABC)
    pair = exported(tmp_path / "b.pt2", Plain(lambda logits: (logits, logits.softmax(1))).eval())
    first = load_teacher(f"torch:{pair}{UNIT},output=0", classes=ABC).label(pictures()).probs()
    second = load_teacher(f"torch:{pair}{UNIT},output=1", classes=ABC).label(pictures()).probs()
    assert torch.allclose(first, second, atol=1e-5)
    with pytest.raises(InputError, match="has no output 2"):
        load_teacher(f"torch:{pair}{UNIT},output=2", classes=ABC)


def test_probabilities_are_known_by_the_last_operation(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("\n".join(ABC))
    path = exported(tmp_path / "a.pt2", Plain(lambda logits: logits.sigmoid()).eval())
    teacher = load_teacher(f"torch:{path}{UNIT}")
    assert teacher.question.link is Link.SIGMOID
    assert torch.allclose(teacher.label(pictures()).probs(), Plain().eval()(pictures() / 255).sigmoid(), atol=1e-5)


def test_a_network_in_training_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"exported while it was training .*after \.eval\(\)"):
        load_teacher(f"torch:{exported(tmp_path / 'a.pt2', Plain().train())}{UNIT}", classes=ABC)


class Bomb:
    """What unpickles into a call."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def rewritten(path: Path, change: Callable[[str, bytes], list[tuple[str, bytes]]]) -> Path:
    """The archive with each entry as ``change`` gives it."""
    other = path.with_name("changed.pt2")
    with zipfile.ZipFile(path) as before, zipfile.ZipFile(other, "w") as after, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # two entries of one name
        for name in before.namelist():
            for entry, content in change(name, before.read(name)):
                after.writestr(entry, content)
    return other


def in_json(name: str, change: Callable[[Any], None]) -> Callable[[str, bytes], list[tuple[str, bytes]]]:
    def changed(entry: str, content: bytes) -> list[tuple[str, bytes]]:
        if not entry.endswith(name):
            return [(entry, content)]
        said = json.loads(content)
        change(said)
        return [(entry, json.dumps(said).encode())]

    return changed


def graph(said: Any) -> Any:
    return said["graph_module"]["graph"]


def as_pickle(said: Any) -> None:
    next(iter(said["config"].values()))["use_pickle"] = True


def formula(said: Any) -> None:
    sizes = graph(said)["tensor_values"]["pictures"]["sizes"]
    sizes[0] = {"as_expr": {"expr_str": "__import__('os').getpid()", "hint": None}}


def test_nothing_in_an_archive_runs_because_it_is_read(tmp_path: Path) -> None:
    path, flag = exported(tmp_path / "a.pt2", Plain().eval()), tmp_path / "ran"
    bomb = pickle.dumps(Bomb(flag))
    buffer = io.BytesIO()
    torch.save((Bomb(flag),), buffer)
    sample = buffer.getvalue()
    cases: dict[str, Callable[[str, bytes], list[tuple[str, bytes]]]] = {
        "a pickled entry, .* in data/weights/model_weights_config.json": in_json("weights_config.json", as_pickle),
        "a pickled entry, data/sample_inputs": lambda name, was: [(name, sample if "sample" in name else was)],
        "holds what no plain export .*opaque_obj_0": lambda name, was: [
            (name, was), *([("a/data/constants/opaque_obj_0", bomb)] if "version" in name else [])
        ],
        "holds what no plain export .*wrapper.so": lambda name, was: [
            (name, was), *([("a/data/aotinductor/model/wrapper.so", b"")] if "archive_v" in name else [])
        ],
        "holds an entry twice": lambda name, was: [(name, was)] * (1 + ("byteorder" in name)),
        "no operation of tensors .*torch.serialization.os.system": in_json(
            "model.json", lambda said: graph(said)["nodes"][0].update(target="torch.serialization.os.system")
        ),
        "no operation of tensors .*from_file": in_json(
            "model.json", lambda said: graph(said)["nodes"][0].update(target="torch.ops.aten.from_file.default")
        ),
        "a shape that is no formula .*__import__": in_json("model.json", formula),
    }  # fmt: skip
    for said, change in cases.items():
        other = rewritten(path, change)
        with pytest.raises(InputError, match=said) as error:
            load_teacher(f"torch:{other}{UNIT}", classes=ABC)
        assert "\n" not in str(error.value)
    assert not flag.exists()
    pickle.loads(bomb)  # noqa: S301 - to see that it would have run
    assert flag.exists()


def test_what_is_no_export_is_refused(tmp_path: Path) -> None:
    path = exported(tmp_path / "a.pt2", Plain().eval())
    (tmp_path / "cut.pt2").write_bytes(path.read_bytes()[:600])
    torch.save(Plain().state_dict(), tmp_path / "weights.pt2")
    (tmp_path / "pickle.pt2").write_bytes(pickle.dumps([1]))
    for name, said in {
        "cut": "expected a whole archive of torch.export.save",
        "weights": "holds what no plain export holds",
        "pickle": "received a pickle",
        "nowhere": "no model at",
    }.items():
        with pytest.raises(InputError, match=said):
            load_teacher(f"torch:{tmp_path / name}.pt2{UNIT}", classes=ABC)
