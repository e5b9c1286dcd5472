"""`predict.py` of an exported folder: one short file that needs NumPy, Pillow and the runtime, and nothing of Joryu."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined

from joryu.errors import InputError
from joryu.questions import Link, Question
from joryu.students import Blueprint
from joryu.targets.provenance import joryu_version

MOST_LINES: Final = 120


class InputFormat(NamedTuple):
    """How one kind of preparation is read in the script."""

    template: str
    libraries: tuple[str, ...]
    modules: tuple[str, ...]
    example: str
    one: str
    files: str


class Answering(NamedTuple):
    """How one kind of question is answered in the script."""

    template: str
    ranked: bool = False
    decided: bool = False
    modules: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    says: str = ""


_PILLOW: Final = "from PIL import Image, ImageOps"
_RAW: Final = InputFormat("raw", (), (), "rows.npy", "row", ".npy files, [n, ...], as the student was trained on")
_FORMATS: Final[Mapping[str | None, InputFormat]] = {
    "pictures": InputFormat("pictures", (_PILLOW,), (), "picture.jpg", "picture", "pictures"),
    "table": InputFormat("table", (), ("csv", "re"), "table.csv", "row", ".csv or .tsv tables"),
    None: _RAW,
}
_IMAGE: Final = "from PIL import Image"
_MASKS: Final = Answering("masks", libraries=(_IMAGE,))
_ANSWERING: Final[Mapping[tuple[Link, bool], Answering]] = {
    (Link.SOFTMAX, False): Answering("classes", ranked=True),
    (Link.SIGMOID, False): Answering("tags", ranked=True, decided=True),
    (Link.IDENTITY, False): Answering("numbers"),
    (Link.SIGMOID, True): _MASKS._replace(
        decided=True, says="A mask for each tag, 255 above the threshold, written as PNG files of the picture's size."
    ),
    (Link.SOFTMAX, True): _MASKS._replace(
        says="The number of each pixel's most probable class as PNG, 255 (of many 65535) where it saw nothing."
    ),
}
_RUNTIMES: Final[Mapping[str, str]] = {
    "onnx": "import onnxruntime",
    "litert": "from ai_edge_litert.interpreter import Interpreter",
}


def input_format_of(plan: Blueprint) -> InputFormat:
    """How the script reads what this student is asked about.

    Raises:
        InputError: a kind of preparation that no script carries.
    """
    kind = None if plan.preparation is None else plan.preparation.kind
    if kind not in _FORMATS:
        raise InputError(
            f"students of {kind} cannot be exported: predict.py does not read them",
            expected="a student of pictures, of tables or of raw inputs", received=kind,
        )  # fmt: skip
    return _FORMATS[kind]


def answering_of(question: Question) -> Answering:
    """How the script answers.

    Raises:
        InputError: numbers for each pixel.
    """
    found = _ANSWERING.get((question.link, bool(question.grid)))
    if found is None:
        raise InputError(
            "students of this question cannot be exported", expected="classes, tags, numbers or masks",
            received=str(question),
        )  # fmt: skip
    return found


def predict_script(plan: Blueprint, runtime: str) -> str:
    """The script, for the ``onnx`` or ``litert`` runtime.

    Raises:
        InputError: as `input_format_of` and `answering_of`.
    """
    form, answering = input_format_of(plan), answering_of(plan.question)
    context: dict[str, Any] = {
        "usage": {
            "title": f"Asks a student: {plan.question.count}{' for each pixel' if plan.question.grid else ''}.",
            "example": form.example, "one": form.one, "files": form.files, "masks": answering.says,
        },
        "joryu": joryu_version(),
        "modules": sorted({"argparse", "json", *form.modules, *answering.modules}),
        "libraries": _sorted({_RUNTIMES[runtime], *form.libraries, *answering.libraries}),
        "reader": f"predict/{form.template}.py.j2",
        "answers": f"predict/{answering.template}.py.j2",
        "runtime": f"predict/{runtime}.py.j2",
        "ranked": answering.ranked, "decided": answering.decided, "on_grid": bool(plan.question.grid),
        "numbered": form is _RAW,
    }  # fmt: skip
    if plan.preparation is not None and plan.preparation.kind == "pictures":
        context |= plan.preparation.model_dump(include={"channels", "height", "width"})
    return templates().get_template("predict/predict.py.j2").render(context)


def _sorted(imports: set[str]) -> list[str]:
    """Whole modules first, as the field sorts its imports."""
    if _PILLOW in imports:
        imports = imports - {_IMAGE}
    return sorted(imports, key=lambda line: (line.startswith("from"), line.lower()))


@cache
def templates() -> Environment:
    """The environment of the texts of an exported folder: code and Markdown, in which nothing is escaped."""
    return Environment(
        loader=PackageLoader("joryu.export"), autoescape=False, undefined=StrictUndefined,  # noqa: S701 - no HTML
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
