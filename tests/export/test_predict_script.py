"""``predict.py`` reads pictures and tables as Joryu does, to the bit, or refuses them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from exported import TABLE, script_of
from PIL import Image

from joryu.errors import InputError
from joryu.examples.preparation import PicturePreparation
from joryu.examples.tabular.preparation import CategoryColumn, TablePreparation
from joryu.export.predict_script import predict_script
from joryu.questions import PICTURE, Question
from joryu.students import Blueprint

pytest.importorskip("onnxruntime", reason="onnxruntime is in the extra onnx")

KINDS = {
    "grey square": PicturePreparation(channels=1, height=16, width=16),
    "colour square": PicturePreparation(channels=3, height=24, width=24),
    "colour wide": PicturePreparation(channels=3, height=10, width=23),
    "grey tall": PicturePreparation(channels=1, height=21, width=8),
}


def photograph(height: int = 60, width: int = 90) -> np.ndarray:
    slope = np.arange(width)[None, :, None] * 2 + np.arange(height)[:, None, None]
    noise = np.random.default_rng(0).integers(0, 90, (height, width, 3))
    return (slope * [1.0, 0.6, 0.2] + noise).clip(0, 255).astype(np.uint8)


def turned(number: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = number
    return exif


def transparent(mode: str) -> Image.Image:
    image = Image.fromarray(photograph()).convert("RGB")
    image.putalpha(Image.fromarray(photograph()[..., 0]))
    return image.convert(mode)


def palette_with_hole() -> Image.Image:
    image = Image.fromarray(photograph()).quantize(16)
    image.info["transparency"] = 3
    return image


def sixteen(scale: int = 200) -> Image.Image:
    return Image.fromarray(photograph()[..., 0].astype(np.uint16) * scale)


PICTURES: dict[str, Callable[[Path], object]] = {
    "rgb.png": lambda path: Image.fromarray(photograph()).save(path),
    "large.jpg": lambda path: Image.fromarray(photograph(400, 700)).save(path, quality=90),
    "grey.jpg": lambda path: Image.fromarray(photograph(300, 200)).convert("L").save(path),
    "cmyk.jpg": lambda path: Image.fromarray(photograph()).convert("CMYK").save(path),
    "ycbcr.tif": lambda path: Image.fromarray(photograph()).convert("YCbCr").save(path),
    "one-bit.png": lambda path: Image.fromarray(photograph()).convert("1").save(path),
    "palette.gif": lambda path: Image.fromarray(photograph()).quantize(32).save(path),
    "grey-palette.png": lambda path: Image.fromarray(photograph()).convert("L").quantize(8).save(path),
    "hole.png": lambda path: palette_with_hole().save(path, transparency=3),
    "rgba.png": lambda path: transparent("RGBA").save(path),
    "la.png": lambda path: transparent("LA").save(path),
    "key.png": lambda path: Image.fromarray(photograph()).save(path, transparency=(90, 60, 20)),
    "grey-key.png": lambda path: Image.fromarray(photograph()).convert("L").save(path, transparency=90),
    "sixteen.png": lambda path: sixteen().save(path),
    "sixteen.tif": lambda path: sixteen().save(path),
    "sixteen-key.png": lambda path: sixteen().save(path, transparency=200 * 100),
    "same.png": lambda path: Image.fromarray(photograph(24, 24)).save(path),
    "tiny.png": lambda path: Image.fromarray(photograph(1, 3)).save(path),
    "webp.webp": lambda path: transparent("RGBA").save(path, lossless=True),
    "pages.tif": lambda path: Image.fromarray(photograph()).save(
        path, save_all=True, append_images=[Image.fromarray(photograph()[::-1])]
    ),
    "misnamed.txt": lambda path: Image.fromarray(photograph()).save(path, "PNG"),
    **{
        f"turned-{number}.jpg": lambda path, number=number: Image.fromarray(photograph()).save(
            path, exif=turned(number)
        )
        for number in range(1, 9)
    },
    "turned-sixteen.tif": lambda path: sixteen().save(path, exif=turned(8)),
}
REFUSED: dict[str, Callable[[Path], object]] = {
    "dark.png": lambda path: sixteen(16).save(path),
    "floats.tif": lambda path: Image.fromarray(photograph()[..., 0].astype(np.float32)).save(path),
    "thirty-two.tif": lambda path: Image.fromarray(photograph()[..., 0].astype(np.int32)).save(path),
    "text.png": lambda path: path.write_text("no picture"),
    "empty.png": lambda path: path.write_bytes(b""),
    "half.png": lambda path: (
        Image.fromarray(photograph()).save(path),
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    ),
    "folder": lambda path: path.mkdir(),
}


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_become_the_same_inputs_to_the_bit(kind: str, tmp_path: Path) -> None:
    preparation = KINDS[kind]
    shape = (preparation.channels, preparation.height, preparation.width)
    plan = Blueprint(
        architecture="mlp:4x1", input_shape=shape, question=Question.one_of(2), preparation=preparation, scale=1 / 255
    )
    script = script_of(tmp_path, plan)
    for name, write in PICTURES.items():
        write(tmp_path / name)
        ((where, inputs, seen),) = script.read(str(tmp_path / name))
        assert where == {}
        wanted = preparation.decoded(tmp_path / name)
        assert inputs.dtype == np.uint8
        assert np.array_equal(inputs[0], wanted.pixels), name
        assert seen[:2] == (wanted.width, wanted.height), name
        assert seen[2] == pytest.approx(tuple(preparation.seen(wanted.width, wanted.height))), name


@pytest.mark.parametrize("name", REFUSED)
def test_what_joryu_refuses_is_refused_here_too(name: str, tmp_path: Path) -> None:
    preparation = KINDS["grey square"]
    plan = Blueprint(
        architecture="mlp:4x1", input_shape=(1, 16, 16), question=Question.one_of(2), preparation=preparation
    )
    script = script_of(tmp_path, plan)
    REFUSED[name](tmp_path / name)
    with pytest.raises(InputError):
        preparation.read(tmp_path / name)
    with pytest.raises(Exception):  # noqa: B017 - Pillow's own, of many kinds; predict.py says them
        list(script.read(str(tmp_path / name)))


TABLES = {
    "commas.csv": "age,colour,size\n10,red,1\n,,2\nNA,green,-.5\n1e1,1.0,3\n",
    "semicolons.csv": "size;colour;age\n1; red ;+3\n2;1;4.\n",
    "tabs.tsv": "size\tcolour\tage\textra\n1\tblue\t3\t\n",
    "quoted.csv": 'age,colour,size\n1,"a, b\nc",2\n"4","red","5"\n',
    "named.csv": 'size;colour;age;"weight, in kg, dry, net"\n1;red;3;7\n',
    "more.csv": "\ufeffid,age,colour,size\n7,50,blue,1.25\n",
}


@pytest.mark.parametrize("name", TABLES)
def test_tables_become_the_same_inputs_to_the_bit(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(TABLES[name], "utf-8")
    script = script_of(tmp_path, table_plan(), torch.float32)
    rows = list(script.read(str(tmp_path / name)))
    wanted = TABLE.apply(tmp_path / name).inputs
    assert np.array_equal(np.concatenate([inputs for _, inputs, _ in rows]), wanted)
    assert rows[0][1].dtype == np.float32
    assert [where["row"] for where, *_ in rows] == list(range(2, 2 + len(wanted)))


def test_categories_written_in_several_ways_are_the_same_as_for_joryu(tmp_path: Path) -> None:
    values = ("True", "-9007199254740993", "5", "red")
    preparation = TablePreparation(columns=(CategoryColumn(name="kind", values=values, missing=True),))
    cells = ["true", "TRUE", "True", "-9007199254740993", "-9007199254740992", "+5", "5.0", "Red", "9" * 401, ""]
    (tmp_path / "kinds.csv").write_text("kind,other\n" + "".join(f"{cell},x\n" for cell in cells))
    plan = Blueprint(architecture="mlp:4x1", input_shape=(5,), question=Question.one_of(2), preparation=preparation)
    rows = [inputs for _, inputs, _ in script_of(tmp_path, plan, torch.float32).read(str(tmp_path / "kinds.csv"))]
    assert np.array_equal(np.concatenate(rows), preparation.apply(tmp_path / "kinds.csv").inputs)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("age,colour\n1,red\n", "'size'"),
        ("age,colour,size\n1,red,twelve\n", "row 2 'twelve'"),
        ("age;colour;size\n1;red;1,5\n", "write it as 1234.5"),
        ("age,colour,size\n1,red\n", "row 2 has 2 cells"),
        ("age,colour,size\n1,red,007\n", "'007'"),
        ("age,age,colour,size\n1,1,red,1\n", "found 2"),
        ("age,colour,size\n1,red,1e60\n", "too large"),
    ],
)
def test_a_table_that_differs_is_refused_by_name(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(text)
    script = script_of(tmp_path, table_plan(), torch.float32)
    with pytest.raises(ValueError, match=says):
        list(script.read(str(tmp_path / "t.csv")))


def table_plan() -> Blueprint:
    return Blueprint(architecture="mlp:4x1", input_shape=(7,), question=Question.one_of(2), preparation=TABLE)


def test_masks_are_laid_on_as_joryu_lays_them(tmp_path: Path) -> None:
    from joryu.serving.framing import Framing, laid_on

    preparation = KINDS["colour wide"]
    plan = Blueprint(
        architecture="unet:4x1", input_shape=(3, 10, 23), question=Question.tags(["a"], grid=PICTURE),
        preparation=preparation,
    )  # fmt: skip
    script = script_of(tmp_path, plan)
    probs = np.random.default_rng(0).random((10, 23), dtype=np.float32)
    for width, height in ((100, 31), (31, 100), (23, 10), (9, 5), (301, 200)):
        box = preparation.seen(width, height)
        found = script.laid_on(probs, (width, height, tuple(box)))
        wanted = laid_on(
            torch.from_numpy(probs)[..., None], Framing(width, height, box), lambda part: part[..., 0], outside=-1
        )
        np.testing.assert_allclose(found, wanted.numpy(), atol=1e-6)


def test_a_script_is_short_and_written_in_plain_python(tmp_path: Path) -> None:
    import subprocess
    import sys

    for kind, preparation in {**KINDS, "table": TABLE, "raw": None}.items():
        for question in (
            Question.one_of(2), Question.tags(2), Question.numbers(2),
            *([] if kind == "table" else [Question.tags(2, grid=PICTURE), Question.one_of(2, grid=PICTURE)]),
        ):  # fmt: skip
            for runtime in ("onnx", "litert"):
                plan = Blueprint(
                    architecture="mlp:4x1", input_shape=(1, 4, 4), question=question, preparation=preparation
                )
                text = predict_script(plan, runtime)
                name = f"{kind}-{question.link}-{len(question.grid)}-{runtime}.py".replace(" ", "-")
                (tmp_path / name).write_text(text)
                assert len(text.splitlines()) < 120, name
    checked = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--isolated", "--line-length", "120", "--select", "E,F,W,I,B",
         "--ignore", "B905", tmp_path],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout


def test_a_question_or_preparation_that_nobody_carries_is_refused_by_name() -> None:
    numbers = Question.numbers(["depth"], grid=PICTURE)
    plan = Blueprint(architecture="unet:4x1", input_shape=(1, 4, 4), question=numbers)
    with pytest.raises(InputError, match=r"cannot be exported.*for each pixel"):
        predict_script(plan, "onnx")
