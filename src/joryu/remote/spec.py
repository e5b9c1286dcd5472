"""Paid teachers from specs: ``google-vision[,max-results=…]`` and ``http:FILE``."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from pydantic import ValidationError

from joryu.errors import InputError, did_you_mean
from joryu.pydantic_errors import first_fault
from joryu.remote.api import Api
from joryu.remote.credentials import require_endpoint
from joryu.remote.google_vision import google_vision


class _Family(NamedTuple):
    usage: str
    find: Callable[[str, str | None], Api]


def is_paid(spec: str) -> bool:
    """Whether a spec names a teacher that is asked over a network and paid by the answer.

    >>> is_paid("google-vision,max-results=20"), is_paid("run:teacher")
    (True, False)
    """
    return _family(spec) in FAMILIES


def find_api(spec: str, *, endpoint: str | None = None) -> Api:
    """The API that a spec names; ``endpoint`` replaces its address.

    ``google-vision`` takes ``max-results``, ``model``, ``longest-side`` (0: pictures travel as they are), ``key-env``
    and ``price``, after commas. ``http:FILE`` is any tagging API that a TOML file describes (see
    ``docs/black-box.md``).

    >>> find_api("google-vision,max-results=20").answer.most
    20

    Raises:
        InputError: the spec, an option, the file or the address is not usable.
    """
    family = _family(spec)
    if family not in FAMILIES:
        raise InputError(f"{spec!r} names no paid teacher", expected=USAGE, hint=did_you_mean(family, FAMILIES))
    if endpoint is not None:
        require_endpoint(endpoint)
    api = FAMILIES[family].find(spec[len(family) + 1 :], endpoint)
    require_endpoint(api.endpoint)
    return api


def _family(spec: str) -> str:
    return spec.replace(",", ":").partition(":")[0]


_GOOGLE: Final[Mapping[str, Callable[[str], Any]]] = {
    "max-results": int, "model": str, "longest-side": lambda text: int(text) or None, "key-env": str, "price": float,
}  # fmt: skip


def _google(options: str, endpoint: str | None) -> Api:
    given: dict[str, Any] = {}
    for option in filter(None, options.split(",")):
        name, _, text = option.partition("=")
        if name not in _GOOGLE:
            raise InputError(
                f"google-vision has no option {name!r}", expected=", ".join(_GOOGLE), hint=did_you_mean(name, _GOOGLE)
            )
        try:
            given[name.replace("-", "_")] = _GOOGLE[name](text)
        except ValueError as error:
            raise InputError(f"{name} of google-vision is not usable", expected="a number", received=text) from error
    try:
        return google_vision(**given) if endpoint is None else google_vision(endpoint, **given)
    except ValidationError as error:
        raise first_fault(error).within("google-vision cannot be asked like this") from error


def _http(file: str, endpoint: str | None) -> Api:
    path = Path(file)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"no description of an API at {file or 'http:'}", expected="http:FILE, a TOML file",
            received=error.strerror, hint="docs/black-box.md shows one",
        ) from error  # fmt: skip
    except ValueError as error:  # of TOML, or of the text's encoding
        raise InputError(f"{file} is no TOML", received=error) from error
    content.setdefault("name", path.stem)
    if endpoint is not None and isinstance(old := content.get("endpoint"), str):
        try:
            content["endpoint"] = urlunsplit(urlsplit(old)._replace(**_place(endpoint)))
        except ValueError as error:
            raise InputError(f"the endpoint in {file} is no address", expected="https://HOST/PATH") from error
    elif endpoint is not None:
        content["endpoint"] = endpoint
    try:
        return Api.model_validate(content)
    except ValidationError as error:
        raise first_fault(error).within(f"{file} does not describe an API") from error


def _place(endpoint: str) -> dict[str, str]:
    """What an endpoint replaces of an address: the path too, if it has one."""
    new = urlsplit(endpoint)
    return {"scheme": new.scheme, "netloc": new.netloc, **({"path": new.path} if new.path.strip("/") else {})}


#: to add an API: its file, one row here
FAMILIES: Final[Mapping[str, _Family]] = {
    "google-vision": _Family("google-vision", _google),
    "http": _Family("http:FILE", _http),
}
USAGE: Final = ", ".join(family.usage for family in FAMILIES.values())
