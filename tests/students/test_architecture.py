"""Every spec builds what it says, and every wrong one is one helpful line."""

from pathlib import Path

import pytest
import torch
from torch import nn

from joryu.errors import InputError, JoryuError
from joryu.students import Float32Linear, build_architecture

PICTURES = (3, 32, 32)


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(
    ("spec", "shape", "classes", "expected"),
    [
        ("mlp:800x2", (1, 28, 28), 10, 784 * 800 + 800 + 800 * 800 + 800 + 800 * 10 + 10),
        ("mlp:800x2,dropout=0.2/0.5", (1, 28, 28), 10, 1_276_810),
        ("mlp:5x1", (7,), 2, 7 * 5 + 5 + 5 * 2 + 2),
        # conv without bias + scale and shift of each batch norm; 32, 32, pool, 64, 64, pool, head
        ("cnn:32x4", PICTURES, 10, 3 * 9 * 32 + 64 + 32 * 9 * 32 + 64 + 32 * 9 * 64 + 128 + 64 * 9 * 64 + 128 + 650),
        ("cnn:4x1,dropout=0.1", (1, 8, 8), 3, 9 * 4 + 8 + 4 * 3 + 3),
    ],
)
def test_parameters_counted_by_hand(spec: str, shape: tuple[int, ...], classes: int, expected: int) -> None:
    network = build_architecture(spec, shape, classes)
    assert parameters(network) == expected
    assert network(torch.zeros(2, *shape)).shape == (2, classes)


def dropouts(spec: str) -> list[float]:
    return [part.p for part in build_architecture(spec, (4,), 2).modules() if isinstance(part, nn.Dropout)]


def test_dropout_of_inputs_and_hidden_units() -> None:
    assert dropouts("mlp:8x2,dropout=0.2/0.5") == [0.2, 0.5, 0.5]
    assert dropouts("mlp:8x2,dropout=0.5") == [0.5, 0.5]
    assert dropouts("mlp:8x2,dropout=0.2/0") == [0.2]
    assert dropouts("mlp:8x2") == []


def test_first_weights_have_the_variance_of_he_and_a_small_head() -> None:
    torch.manual_seed(0)
    network = build_architecture("mlp:400x2", (500,), 10)
    first, second, head = (part for part in network.modules() if isinstance(part, nn.Linear))
    assert first.weight.std().item() == pytest.approx((2 / 500) ** 0.5, rel=0.01)
    assert second.weight.std().item() == pytest.approx((2 / 400) ** 0.5, rel=0.01)
    assert head.weight.std().item() == pytest.approx(0.01, rel=0.05)
    assert all(part.bias is not None and not part.bias.any() for part in (first, second, head))


def test_a_convolutional_student_takes_pictures_of_any_size() -> None:
    network = build_architecture("cnn:4x6", (1, 8, 8), 3).eval()
    assert network(torch.zeros(1, 1, 8, 8)).shape == (1, 3)
    assert network(torch.zeros(1, 1, 40, 21)).shape == (1, 3)


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("mpl:800x2", "did you mean mlp:…"),
        ("resnet", "unknown architecture"),
        ("mlp", "unknown architecture"),
        ("mlp:", "unknown architecture"),
        ("mlp:800", "WIDTHxDEPTH"),
        ("mlp:0x2", "WIDTHxDEPTH"),
        ("mlp:00x2", "WIDTHxDEPTH"),
        ("mlp:999999999999999999999x2", "WIDTHxDEPTH"),
        ("mlp:8x2,drop=0.1", "options dropout"),
        ("mlp:8x2,dropout", "rate in [0, 1)"),
        ("mlp:8x2,dropout=1", "rate in [0, 1)"),
        ("mlp:8x2,dropout=nan", "rate in [0, 1)"),
        ("mlp:8x2,dropout=0.1/0.2/0.3", "INPUT/HIDDEN"),
        ("cnn:8x2,dropout=0.1/0.2", "a rate in [0, 1)"),
        ("cnn:-8x2", "WIDTHxDEPTH"),
        ("module:", "unknown architecture"),
        ("module:os", "module:pkg.mod:factory"),
        ("module::factory", "module:pkg.mod:factory"),
        ("module:no.such.package:factory", "PYTHONPATH"),
        ("module:os:no_such_factory", "no_such_factory"),
        ("module:os:sep", "not a callable"),
        ("module:os.path:join", "missing a required argument"),
        ("module:os:getcwd", "must return an nn.Module"),
    ],
)
def test_a_wrong_spec_is_one_line(spec: str, says: str) -> None:
    with pytest.raises(JoryuError) as caught:
        build_architecture(spec, PICTURES, 10)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_convolutional_student_refuses_what_is_no_picture() -> None:
    with pytest.raises(InputError, match="needs pictures"):
        build_architecture("cnn:8x2", (64,), 10)


FACTORIES = """
from torch import nn

def plain(n_classes, input_shape):
    return nn.Sequential(nn.Flatten(), nn.Linear(input_shape[0], 8), nn.Linear(8, n_classes))

def everything(**given):
    return nn.Linear(given["input_shape"][0], given["n_classes"])

def fixed():
    return nn.Linear(4, 2)

def broken(n_classes):
    raise TypeError("inside")
"""


@pytest.fixture
def factories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "their_networks.py").write_text(FACTORIES)
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("factories")
@pytest.mark.parametrize("name", ["plain", "everything", "fixed"])
def test_a_factory_is_given_what_it_asks_for_and_its_head_is_kept_in_float32(name: str) -> None:
    network = build_architecture(f"module:their_networks:{name}", (4,), 2)
    assert network(torch.zeros(3, 4)).shape == (3, 2)
    assert [type(part) for part in network.modules() if isinstance(part, nn.Linear)][-1] is Float32Linear


@pytest.mark.usefixtures("factories")
def test_a_mistake_inside_a_factory_is_told_with_its_place() -> None:
    place = 1 + FACTORIES.splitlines().index('    raise TypeError("inside")')
    says = rf"module:their_networks:broken fails .*received TypeError: inside \(.*their_networks\.py, line {place}\)\)$"
    with pytest.raises(InputError, match=says) as caught:
        build_architecture("module:their_networks:broken", (4,), 2)
    assert isinstance(caught.value.__cause__, TypeError)


def test_a_module_that_fails_when_it_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_network.py").write_text("1 / 0")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InputError, match=r"ZeroDivisionError: division by zero .*broken_network\.py, line 1"):
        build_architecture("module:broken_network:any", (4,), 2)


def test_timm() -> None:
    pytest.importorskip("timm", reason="timm is in the extra vision")
    network = build_architecture("timm:test_resnet", (1, 32, 32), 7)
    assert network.eval()(torch.zeros(2, 1, 32, 32)).shape == (2, 7)
    assert type(network.fc) is Float32Linear
    with pytest.raises(InputError, match=r"did you mean .*resnet18"):
        build_architecture("timm:resnet_18", PICTURES, 10)


def test_without_timm_the_message_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "timm", None)
    with pytest.raises(JoryuError, match=r"pip install \"joryu\[vision\]\""):
        build_architecture("timm:resnet18", PICTURES, 10)
