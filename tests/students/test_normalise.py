"""Input normalisation against the formula, number by number."""

import pytest
import torch

from joryu.errors import InputError
from joryu.students import Normalise, normalise
from joryu.students.normalise import measure_normalisation


def test_per_channel_as_torchvision_does_it() -> None:
    mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    pictures = torch.randint(0, 256, (2, 3, 4, 5), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    found = Normalise(mean, std, scale=1 / 255)(pictures)
    assert found.dtype == torch.float32
    for at in [(0, 0, 0, 0), (1, 1, 3, 4), (0, 2, 1, 2)]:
        by_hand = (pictures[at].item() / 255 - mean[at[1]]) / std[at[1]]
        assert found[at].item() == pytest.approx(by_hand, abs=1e-5)


def test_one_number_for_everything() -> None:
    found = Normalise(2.0, 4.0)(torch.tensor([[2.0, 6.0], [0.0, 10.0]], dtype=torch.float64))
    assert found.dtype == torch.float32
    assert found.tolist() == [[0.0, 1.0], [-0.5, 2.0]]


def test_one_number_per_feature() -> None:
    assert Normalise([1.0, 2.0], [1.0, 2.0])(torch.tensor([[3.0, 6.0]])).tolist() == [[2.0, 2.0]]


def test_statistics_are_part_of_the_state_and_settings_are_not() -> None:
    assert set(Normalise([0.1], [0.2], scale=1 / 255).state_dict()) == {"mean", "std"}


def test_resizing_halves_by_the_mean_and_leaves_the_right_size_alone() -> None:
    picture = torch.tensor([[[[0, 10], [20, 30]]]], dtype=torch.uint8)
    assert Normalise(size=(1, 1))(picture).flatten().tolist() == pytest.approx([15.0])
    assert torch.equal(Normalise(size=(2, 2))(picture), picture.float())
    constant = torch.full((1, 3, 7, 5), 9, dtype=torch.uint8)
    assert torch.allclose(Normalise(size=(13, 4))(constant), torch.full((1, 3, 13, 4), 9.0))


def test_channels_are_matched() -> None:
    grey = torch.tensor([[[[100]]]], dtype=torch.uint8)
    assert Normalise(channels=3)(grey).flatten().tolist() == [100, 100, 100]
    colour = torch.tensor([10.0, 20.0, 30.0]).reshape(1, 3, 1, 1)
    assert Normalise(channels=1)(colour).item() == pytest.approx(0.299 * 10 + 0.587 * 20 + 0.114 * 30)
    assert torch.equal(Normalise(channels=3)(colour), colour)
    with pytest.raises(InputError, match="differ in channels"):
        Normalise(channels=3)(torch.zeros(1, 4, 1, 1))


@pytest.mark.parametrize("std", [0.0, -1.0, [1.0, 0.0], float("nan")])
def test_a_deviation_that_cannot_be_divided_by(std: float | list[float]) -> None:
    with pytest.raises(InputError, match="must be positive"):
        Normalise(0.0, std)


@pytest.mark.parametrize("at_once", [2**26, 1])
def test_measured_per_channel_for_pictures(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(normalise, "_AT_ONCE", at_once)  # with 1, as sets that take much memory are measured
    monkeypatch.setattr(normalise, "_PART", 7)
    pictures = torch.randint(0, 256, (50, 2, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    mean, std, scale = measure_normalisation(pictures)
    assert scale == 1 / 255
    for channel in range(2):
        values = pictures[:, channel].double() / 255
        assert mean[channel] == pytest.approx(values.mean().item(), abs=1e-6)
        assert std[channel] == pytest.approx(values.std().item(), abs=1e-6)
    normalised = Normalise(mean, std, scale=scale)(pictures)
    assert normalised.mean((0, 2, 3)).abs().max() < 1e-5
    assert (normalised.std((0, 2, 3)) - 1).abs().max() < 1e-5


def test_a_large_set_is_read_at_even_distances() -> None:
    inputs = torch.arange(40_000.0).reshape(-1, 1)
    mean, _, scale = measure_normalisation(inputs)
    assert scale == 1.0
    assert mean == [pytest.approx(inputs[::4].mean().item())]


def test_what_never_varies_is_not_blown_up() -> None:
    assert measure_normalisation(torch.full((4, 3, 2), 7.0)) == ([7.0], [1.0], 1.0)
    assert measure_normalisation(torch.full((4, 2), 7.0)) == ([7.0, 7.0], [1.0, 1.0], 1.0)


def test_columns_of_a_table_have_scales_of_their_own() -> None:
    generator = torch.Generator().manual_seed(0)
    scales = torch.tensor([1e-9, 1.0, 1e6, 50.0])
    table = torch.randn(400, 4, generator=generator) * scales + torch.tensor([0.0, 5.0, -3e6, 0.0])
    mean, std, scale = measure_normalisation(table)
    assert (mean, std) == (
        [pytest.approx(value) for value in table.double().mean(0).tolist()],
        [pytest.approx(value) for value in table.double().std(0).tolist()],
    )
    seen = Normalise(mean, std, scale=scale)(table)
    assert seen.mean(0).abs().max() < 1e-4
    assert (seen.std(0) - 1).abs().max() < 1e-4


def test_a_column_that_varies_by_less_than_its_grain_is_left_alone() -> None:
    table = torch.tensor([[1e6, 0.0], [1e6, 0.0], [1e6 + 0.0625, 0.0]])
    assert measure_normalisation(table)[1] == [1.0, 1.0]


def test_a_table_of_one_row() -> None:
    assert measure_normalisation(torch.tensor([[3.0, 4.0]])) == ([3.0, 4.0], [1.0, 1.0], 1.0)


def test_bytes_without_channels_share_a_scale() -> None:
    mean, _, scale = measure_normalisation(torch.tensor([[0, 255]], dtype=torch.uint8))
    assert (mean, scale) == ([0.5], 1 / 255)


def test_inputs_that_are_not_finite_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="finite"):
        measure_normalisation(torch.tensor([[1.0], [float("nan")]]))
    monkeypatch.setattr(normalise, "_AT_ONCE", 0)
    with pytest.raises(InputError, match="cannot be normalised"):
        measure_normalisation(torch.full((2, 1, 1, 1), float("nan")))


def test_loaded_statistics_are_the_ones_that_count() -> None:
    picture = torch.tensor([[[[7.0]], [[9.0]]]])
    target = Normalise([0.0, 0.0], [1.0, 1.0])
    target.load_state_dict(Normalise([1.0, 3.0], [2.0, 4.0]).state_dict())
    assert target(picture).flatten().tolist() == [3.0, 1.5]
