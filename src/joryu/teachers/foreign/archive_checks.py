"""Checks of a ``.pt2`` archive before PyTorch reads it: what is there to be loaded must not be able to run anything.

``torch.export.load`` unpickles what an archive says is pickled, loads compiled libraries, reads formulas of shapes
with SymPy, which evaluates them, and looks operations up by dotted names, of which any function of any module is one.
None of this is needed by an ordinary export, so each is refused by name.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import torch

from joryu.errors import InputError
from joryu.students.model_content import reason_of

#: the only entries that an export is made of, below one folder
_ENTRIES: Final = re.compile(
    r"data/weights/(weight_\d+|\w+_weights_config\.json)|data/constants/(tensor_\d+|\w+_constants_config\.json)"
    r"|models/model\.json|data/sample_inputs/model\.pt|archive_format|archive_version|byteorder|version"
    r"|\.data/(version|serialization_id)|\.format_version|\.storage_alignment|extra/[\w.-]+"
)
#: operations that a graph may call: those of tensors, and plain arithmetic on shapes
_TARGETS: Final = re.compile(
    r"torch\.ops\.(aten|prims|quantized_decomposed|torchvision)\.\w+(\.\w+)?|torch\.sym_\w+"
    r"|_operator\.(add|sub|mul|truediv|floordiv|mod|pow|neg|pos|abs|eq|ne|lt|le|gt|ge|and_|or_|not_|getitem)"
    r"|math\.(ceil|floor|trunc|sqrt)"
)
_READS_FILES: Final = "from_file"  #: an operation of tensors that opens whatever path it is told
_FORMULA: Final = re.compile(r"[\w\s+\-*/(),.<>=&|~%]*")
_QUOTED: Final = re.compile(r"'([suz]f?\d+)'")  #: a size by its name, as SymPy writes it: Symbol('s0', positive=True)
_NAMES: Final = re.compile(r"[A-Za-z_]\w*")
_NAME: Final = re.compile(
    r"[suz]f?\d+|Max|Min|Mod|PythonMod|FloorDiv|CleanDiv|CeilDiv|ModularIndexing|IntTrueDiv|FloatTrueDiv|ToFloat"
    r"|TruncToInt|CeilToInt|FloorToInt|Pow|PowByNatural|Abs|Eq|Ne|Lt|Le|Gt|Ge|And|Or|Not|True|False|Where|Piecewise"
    r"|Identity|int_oo|oo|Symbol|Integer|Rational|Float|Add|Mul|positive|negative|nonnegative|nonzero|integer|real"
    r"|finite|zero|extended_\w+|commutative|evaluate"
)
_FACTORIES: Final = ("default_factory", "__enum__")  #: parts of a form of inputs or outputs that import modules


def require_harmless(path: Path, content: bytes) -> None:
    """Check the whole archive.

    Raises:
        InputError: it is no export, is damaged, or holds what could run a program.
    """
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            entries = _entries(path, archive)
            for name in entries:
                if name.endswith("_config.json"):
                    _require_plain(path, name, json.loads(archive.read(entries[name])))
            _require_graph(path, json.loads(archive.read(entries["models/model.json"])))
            _require_tensors(path, archive.read(entries["data/sample_inputs/model.pt"]))
    except (zipfile.BadZipFile, ValueError, KeyError, EOFError, RecursionError) as error:
        raise InputError(
            f"{path} cannot be used", expected="a whole archive of torch.export.save", received=reason_of(error)
        ) from error


def _entries(path: Path, archive: zipfile.ZipFile) -> Mapping[str, str]:
    """Where each entry lies, by its name below the archive's folder."""
    found: dict[str, str] = {}
    folders = {one.partition("/")[0] for one in archive.namelist()}
    for whole in archive.namelist():
        name = whole.partition("/")[2]
        if len(folders) > 1 or _ENTRIES.fullmatch(name) is None:
            raise InputError(
                f"{path} holds what no plain export holds", expected="weights, constants and a graph", received=whole,
                hint="pickled objects and compiled code are not read: save it with torch.export.save, weights alone",
            )  # fmt: skip
        if name.lower() in map(str.lower, found):
            raise InputError(f"{path} holds an entry twice", expected="each once", received=whole)
        found[name] = whole
    return found


def _require_plain(path: Path, name: str, config: Any) -> None:
    for key, one in config["config"].items():
        if one.get("use_pickle") or not re.fullmatch(r"(weight|tensor)_\d+", one["path_name"]):
            raise InputError(
                f"{path} is not read", expected="tensors as plain bytes", received=f"a pickled entry, {key} in {name}",
                hint="PyTorch would run what is in it; export the model where it is trusted",
            )  # fmt: skip


def _require_graph(path: Path, model: Any) -> None:
    for key, said in _texts(model):
        if key == "target" and (_TARGETS.fullmatch(said) is None or _READS_FILES in said):
            raise InputError(
                f"{path} calls what is no operation of tensors", expected="torch.ops.aten and arithmetic", received=said
            )
        if key == "expr_str" and not _is_formula(said):
            raise InputError(
                f"{path} has a shape that is no formula", expected="sizes, numbers and signs", received=said
            )
        if any(one in said for one in _FACTORIES):
            raise InputError(f"{path} gives its outputs in a form that imports modules", received=said[:200])


def _is_formula(said: str) -> bool:
    said = _QUOTED.sub(r"\1", said)
    return _FORMULA.fullmatch(said) is not None and all(_NAME.fullmatch(one) for one in _NAMES.findall(said))


def _texts(part: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Every text in nested JSON, with the key that it stands under; those of an operation, of its node."""
    if isinstance(part, str):
        yield key, part
    elif isinstance(part, dict):
        for name, one in part.items():
            # An argument of a graph's signature has a target too: the name of a weight, which nobody calls.
            called = name == "target" and "outputs" in part and "inputs" in part
            yield from _texts(one, "target" if called else "named" if name == "target" else name)
    elif isinstance(part, list):
        for one in part:
            yield from _texts(one, key)


def _require_tensors(path: Path, content: bytes) -> None:
    """Check that the sample inputs are tensors: PyTorch reads them as a pickle if they are anything else."""
    if not content:
        return
    try:
        torch.load(BytesIO(content), weights_only=True)
    except Exception as error:  # whatever PyTorch finds wrong with them
        raise InputError(
            f"{path} is not read", expected="tensors alone as its sample inputs",
            received="a pickled entry, data/sample_inputs/model.pt",
            hint="PyTorch would run what is in it; export the model where it is trusted",
        ) from error  # fmt: skip
