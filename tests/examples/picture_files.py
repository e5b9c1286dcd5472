"""Pictures as the world has them: made here, so that the tests carry no binary files."""

from __future__ import annotations

import gzip
import json
import struct
import zlib
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image


def save(image: Image.Image, kind: str, **options: object) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def noise(width: int, height: int, channels: int = 3, seed: int = 0) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)
    return Image.fromarray(pixels if channels > 1 else pixels[..., 0])


def png(width: int, height: int, depth: int, colour_type: int, lines: list[bytes]) -> bytes:
    """A PNG by hand (RFC 2083): signature, IHDR, one IDAT of unfiltered lines, IEND."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    data = zlib.compress(b"".join(b"\x00" + line for line in lines))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def bomb(side: int) -> bytes:
    """A few bytes that declare ``side × side`` pixels."""
    return png(side, side, 8, 0, [])


def write_files(root: Path, files: Mapping[str, bytes]) -> Path:
    """Writes files under a folder, making the folders between; returns the folder."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def flat(value: int) -> bytes:
    """A grey PNG of 4×4 pixels."""
    return save(Image.new("L", (4, 4), value), "PNG")


def idx(values: np.ndarray, code: int = 8) -> bytes:
    return bytes([0, 0, code, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()


def pixels(count: int, start: int = 0) -> np.ndarray:
    return (np.arange(count * 6, dtype=np.uint8) + start).reshape(count, 2, 3)


def idx_files(packed: bool = False, dot: str = "-") -> dict[str, bytes]:
    plain = {
        f"train-images{dot}idx3-ubyte": idx(pixels(4)),
        f"train-labels{dot}idx1-ubyte": idx(np.array([0, 2, 1, 0], dtype=np.uint8)),
        f"t10k-images{dot}idx3-ubyte": idx(pixels(2, start=100)),
        f"t10k-labels{dot}idx1-ubyte": idx(np.array([3, 1], dtype=np.uint8)),
    }
    return {f"{name}.gz": gzip.compress(content) for name, content in plain.items()} if packed else plain


def features(names: list[str], picture: str = "image", label: str = "label") -> dict[bytes, bytes]:
    described = {picture: {"_type": "Image"}, label: {"names": names, "_type": "ClassLabel"}}
    return {b"huggingface": json.dumps({"info": {"features": described}}).encode()}


STRUCT = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def write_parquet(
    path: Path,
    contents: list[bytes | None],
    labels: list[Any] | pa.Array | None,
    *,
    metadata: dict[bytes, bytes] | None = None,
    columns: tuple[str, str] = ("image", "label"),
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = {columns[0]: pa.array([c if c is None else {"bytes": c, "path": None} for c in contents], STRUCT)}
    if labels is not None:
        data[columns[1]] = pa.array(labels)
    pq.write_table(pa.table(data).replace_schema_metadata(metadata), path, row_group_size=3)
    return path


def table(path: Path, columns: dict[str, Any], described: dict[str, Any] | None = None) -> Path:
    metadata = {b"huggingface": json.dumps({"info": {"features": described}}).encode()} if described else None
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns).replace_schema_metadata(metadata), path)
    return path


def pictures(*values: int) -> pa.Array:
    return pa.array([{"bytes": flat(value), "path": None} for value in values], STRUCT)
