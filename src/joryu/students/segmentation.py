"""`segmenter`: any decoder on any encoder of segmentation-models-pytorch, as a student (extra ``segmentation``)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple, cast

from torch import Tensor, nn

from joryu.errors import InputError, MissingExtraError, did_you_mean
from joryu.students.head import Float32Conv2d
from joryu.students.unet import padded
from joryu.students.weights import fill, for_channels, read_weights

SPELT = "smp:DECODER/ENCODER[@FILE.safetensors], such as smp:unet/resnet18 or smp:fpn/tu-mobilenetv3_small_050"
MULTIPLE = 32  #: the sides of a picture that every encoder takes


class Segmenter(nn.Module):
    """A network of segmentation-models-pytorch for pictures of any size; ``[B, C, H, W]`` to ``[B, n_outputs, H, W]``.

    A picture whose sides are not multiples of 32 is padded with its mirror image or its edge, and the answer is cut
    back. The last convolution is computed in float32 (`joryu.students.head`).
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor) -> Tensor:
        height, width = pictures.shape[-2:]
        answers: Tensor = self.network(padded(pictures, -height % MULTIPLE, -width % MULTIPLE))
        return answers[..., :height, :width]


class SegmentationSpec(NamedTuple):
    """What stands behind ``smp:``."""

    decoder: str
    encoder: str
    weights: str | None = None  #: the file with the weights that the encoder begins with


def segmenter(spec: str, input_shape: tuple[int, ...], n_outputs: int) -> Segmenter:
    """Build ``DECODER/ENCODER[@FILE]`` with new random weights; nothing is downloaded, and no file is read.

    Decoders are those that `segmentation_models_pytorch.create_model` knows (``unet``, ``fpn``, ``deeplabv3plus``, …).
    Encoders are its own (``resnet18``, …) and, after ``tu-``, those of timm.

    Raises:
        InputError: no such decoder or encoder, or it does not take pictures of this shape.
        MissingExtraError: segmentation-models-pytorch is not installed.
    """
    decoder, encoder, _ = parse_segmentation(spec)
    try:
        import segmentation_models_pytorch as smp  # noqa: PLC0415 - it takes seconds
    except ImportError as error:
        raise MissingExtraError("segmentation-models-pytorch", "segmentation", f"the student smp:{spec}") from error
    if len(input_shape) != 3:
        raise InputError(f"smp:{spec} needs pictures", expected="[channels, height, width]", received=list(input_shape))
    decoders = smp.MODEL_ARCHITECTURES_MAPPING
    if decoder not in decoders:
        raise InputError(
            f"segmentation-models-pytorch has no decoder {decoder!r}", expected=", ".join(decoders),
            hint=did_you_mean(decoder, decoders),
        )  # fmt: skip
    _require_encoder(encoder, smp.encoders.get_encoder_names())
    try:
        network: nn.Module = smp.create_model(
            decoder, encoder, encoder_weights=None, in_channels=input_shape[0], classes=n_outputs
        )
    except (KeyError, TypeError, ValueError, RuntimeError, AssertionError, NotImplementedError) as error:
        raise InputError(
            f"segmentation-models-pytorch cannot put {decoder} on {encoder}", received=" ".join(str(error).split())
        ) from error
    _head_in_float32(network)
    return Segmenter(network)


def parse_segmentation(spec: str) -> SegmentationSpec:
    """What stands behind ``smp:``, taken apart.

    >>> parse_segmentation("unet/resnet18@encoder.safetensors")
    SegmentationSpec(decoder='unet', encoder='resnet18', weights='encoder.safetensors')

    Raises:
        InputError: they are not two names.
    """
    match = re.fullmatch(r"(\w+)/([\w.-]+)(?:@(.+))?", spec)
    if match is None:
        raise InputError(f"cannot read architecture smp:{spec}", expected=SPELT)
    return SegmentationSpec(*match.groups())


def begin_encoder(spec: str, network: nn.Module) -> None:
    """Load the weights that the spec names into the encoder of the network that it built; without any, do nothing.

    The file holds an encoder's weights by the names that segmentation-models-pytorch has for them, for pictures in
    colour; a first convolution for other channels is made as `joryu.students.weights.for_channels` does.

    Raises:
        InputError: there is no such file, or it is no safetensors file.
        MismatchError: it holds the weights of another encoder.
    """
    weights = parse_segmentation(spec).weights
    if weights is None:
        return
    encoder = network.get_submodule("network.encoder")
    own = encoder.state_dict()
    state = {name: for_channels(part, own.get(name)) for name, part in read_weights(weights).items()}
    fill(encoder, state, Path(weights))


def _require_encoder(encoder: str, known: list[str]) -> None:
    if encoder in known:
        return
    import timm  # noqa: PLC0415 - comes along with segmentation-models-pytorch

    of_timm = encoder.removeprefix("tu-")
    if encoder.startswith("tu-") and timm.is_model(of_timm):
        return
    models = [*known, *(f"tu-{name}" for name in timm.list_models())]
    raise InputError(
        f"segmentation-models-pytorch has no encoder {encoder!r}", hint=did_you_mean(encoder, models)
        or "see segmentation_models_pytorch.encoders.get_encoder_names(); timm's models go by tu-NAME",
    )  # fmt: skip


def _head_in_float32(network: nn.Module) -> None:
    head = network.get_submodule("segmentation_head")
    for name, part in list(head.named_children()):
        if type(part) is nn.Conv2d:
            kernel, padding = cast(tuple[int, int], part.kernel_size), cast(tuple[int, int], part.padding)
            new = Float32Conv2d(part.in_channels, part.out_channels, kernel, padding=padding, device="meta")
            new.weight, new.bias = part.weight, part.bias
            setattr(head, name, new)
