"""The shape of Google's ``images:annotate`` (v1, LABEL_DETECTION): a request to pictures, answers to its response.

What is read and written follows Google's reference of ``BatchAnnotateImagesRequest`` and its JSON mapping of protocol
buffers: names in either spelling (``maxResults``, ``max_results``), enumerations by name or number, bytes in either
base64 alphabet. What is wrong with the whole request is an HTTP error, as there; what is wrong with one picture is an
``error`` in its own place, and the others are answered.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

from joryu.serving.web.limits import Refused, RequestLimits

LABELS: Final = ("LABEL_DETECTION", 4)  #: the feature that is answered, by its name and its number
USUAL: Final = 10  #: labels where ``maxResults`` is not given, as Google gives
INVALID, UNIMPLEMENTED = 3, 12  #: numbers of google.rpc.Code
_URL_SAFE: Final = str.maketrans("-_", "+/")
_OF_REQUEST: Final = {"requests", "parent", "labels"}
_OF_IMAGE: Final = {"image", "features", "imageContext"}
_OF_FEATURE: Final = {"type", "maxResults", "model"}


class AskedPicture(NamedTuple):
    """One picture of a request and how many labels are wanted; or what is wrong with it, a code and a sentence."""

    content: bytes = b""
    most: int = USUAL
    fault: tuple[int, str] | None = None


def pictures_of(body: bytes, limits: RequestLimits) -> list[AskedPicture]:
    """The pictures in a request's body.

    >>> pictures_of(b'{"requests": [{"image": {"content": "aGk="}, "features": [{"type": 4}]}]}', RequestLimits())
    [AskedPicture(content=b'hi', most=10, fault=None)]

    Raises:
        Refused: it is no JSON of this shape, or has too many pictures.
    """
    try:
        said = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refused(400, f"Invalid JSON payload received: {_short(error)}") from error
    requests = _fields(said, _OF_REQUEST, "the body").get("requests", [])
    if not isinstance(requests, list):
        raise Refused(400, 'Invalid value at "requests": expected a list')
    if not requests:
        raise Refused(400, 'Invalid value at "requests": expected at least one picture')
    if len(requests) > limits.pictures:
        raise Refused(400, f"Too many images per request: {len(requests)}, at most {limits.pictures}")
    return [_asked(one, f"requests[{at}]") for at, one in enumerate(requests)]


def labels_of(top: Mapping[str, float], least: float) -> dict[str, Any]:
    """The response about one picture: tags or classes with their probabilities, the highest first, from ``least`` up.

    >>> labels_of({"cat": 0.75, "dog": 0.1}, 0.5)
    {'labelAnnotations': [{'mid': '/joryu/6a8b12bb', 'description': 'cat', 'score': 0.75, 'topicality': 0.75}]}
    """
    found = [
        {"mid": mid_of(name), "description": name, "score": score, "topicality": score}
        for name, score in top.items()
        if score >= least
    ]
    return {"labelAnnotations": found} if found else {}


def error_of(code: int, message: str) -> dict[str, Any]:
    """The response about a picture that was not answered."""
    return {"error": {"code": code, "message": message}}


@lru_cache(maxsize=65536)
def mid_of(name: str) -> str:
    """A machine's name for a label that stays the same in every vocabulary; Google's own are of its knowledge graph."""
    return f"/joryu/{hashlib.blake2b(name.encode(), digest_size=4).hexdigest()}"


def _asked(said: Any, where: str) -> AskedPicture:
    request = _fields(said, _OF_IMAGE, where)
    image = _fields(request.get("image", {}), {"content", "source"}, f"{where}.image")
    most, fault = _features(request.get("features", []), f"{where}.features")
    content = _decoded(image.get("content", ""), f"{where}.image.content")
    if fault is None and not content:
        fault = (INVALID, "Request must specify image and features.")
        if "source" in image:
            fault = (INVALID, "addresses are never fetched here: send the picture itself in image.content")
    return AskedPicture(content, most, fault)


def _features(said: Any, where: str) -> tuple[int, tuple[int, str] | None]:
    if not isinstance(said, list):
        raise Refused(400, f'Invalid value at "{where}": expected a list')
    most = list[int]()
    for at, one in enumerate(said):
        feature = _fields(one, _OF_FEATURE, f"{where}[{at}]")
        kind, count = feature.get("type", 0), feature.get("maxResults", 0)
        if isinstance(count, bool) or not isinstance(count, int):
            raise Refused(400, f'Invalid value at "{where}[{at}].max_results" (TYPE_INT32): expected a whole number')
        if kind not in LABELS or isinstance(kind, bool):
            return USUAL, (UNIMPLEMENTED, f"only LABEL_DETECTION is answered here, not {_short(kind)}")
        if count < 0:
            return USUAL, (INVALID, f"maxResults must not be negative (received {count})")
        most.append(count or USUAL)
    if not most:
        return USUAL, (INVALID, "Request must specify image and features.")
    return max(most), None


def _decoded(said: Any, where: str) -> bytes:
    if not isinstance(said, str):
        raise Refused(400, f'Invalid value at "{where}" (TYPE_BYTES): expected base64 in a string')
    text = said.translate(_URL_SAFE)
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused(400, f'Invalid value at "{where}" (TYPE_BYTES): Base64 decoding failed: {error}') from error


def _fields(said: Any, known: set[str], where: str) -> dict[str, Any]:
    """The fields of a message, by their JSON names; unknown ones are refused, as Google refuses them."""
    if not isinstance(said, dict):
        raise Refused(400, f"Invalid value at {where}: expected an object")
    found = {_camel(name): value for name, value in said.items() if value is not None}
    if strange := sorted(set(found) - known):
        raise Refused(400, f'Invalid JSON payload received. Unknown name "{_short(strange[0])}" at {where}')
    return found


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(part.capitalize() for part in others)


def _short(said: object, most: int = 100) -> str:
    text = str(said)
    return text if len(text) <= most else f"{text[:most]} …"
