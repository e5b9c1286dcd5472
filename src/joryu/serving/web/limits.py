"""What a server takes from its clients, and the one error by which it refuses the rest."""

from __future__ import annotations

from dataclasses import dataclass, fields
from http import HTTPStatus
from typing import Any, Final

from joryu.errors import InputError
from joryu.examples.decoding import PIXEL_LIMIT

#: an HTTP status as the API's errors name it: the number and the word of google.rpc.Code
_CODES: Final[dict[int, tuple[int, str]]] = {
    400: (3, "INVALID_ARGUMENT"),
    401: (16, "UNAUTHENTICATED"),
    403: (7, "PERMISSION_DENIED"),
    404: (5, "NOT_FOUND"),
    405: (12, "UNIMPLEMENTED"),
    408: (4, "DEADLINE_EXCEEDED"),
    413: (3, "INVALID_ARGUMENT"),
    421: (7, "PERMISSION_DENIED"),
    429: (8, "RESOURCE_EXHAUSTED"),
    500: (13, "INTERNAL"),
    501: (12, "UNIMPLEMENTED"),
    503: (14, "UNAVAILABLE"),
    504: (4, "DEADLINE_EXCEEDED"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestLimits:
    """How much a client may send, and how long it may take.

    Args:
        body: the largest body of a request in bytes (Google's own limit is 10 MB).
        pictures: the most pictures in one request (Google's: 16).
        pixels: the most pixels of a picture, refused by its header before it is decompressed.
        requests: requests that are read or answered at the same time; others are told to come again (429).
        waiting: pictures that may wait for the model; beyond, 429 likewise.
        seconds: for a whole request, from its headers to its answer.
        batch: the most pictures that the model is shown at a time.
        wait_ms: how long the first picture of a batch waits for others, in milliseconds.

    Raises:
        InputError: one is not a positive number.
    """

    body: int = 10 * 2**20
    pictures: int = 16
    pixels: int = PIXEL_LIMIT
    requests: int = 64
    waiting: int = 1024
    seconds: float = 30.0
    batch: int = 32
    wait_ms: float = 4.0

    def __post_init__(self) -> None:
        for one in fields(self):
            value, least = getattr(self, one.name), 0 if one.name == "wait_ms" else 1e-9
            if not least <= value < float("inf"):
                expected = "a number >= 0" if not least else "a number > 0"
                raise InputError("is not usable", setting=one.name, expected=expected, received=value)
        if self.pixels > PIXEL_LIMIT:
            raise InputError(
                "is not usable", setting="pixels", expected=f"at most {PIXEL_LIMIT:,}, which are ever decoded",
                received=f"{self.pixels:,}",
            )  # fmt: skip


class Refused(Exception):  # noqa: N818 - it is an answer to a client
    """A request that is not answered, with its HTTP status and the reason that the client is told."""

    def __init__(self, status: int, why: str, *, headers: dict[str, str] | None = None) -> None:
        super().__init__(why)
        self.status, self.why, self.headers = status, why, headers or {}

    def to_json(self) -> dict[str, Any]:
        """The body, in the shape of Google's APIs.

        >>> Refused(429, "come again").to_json()
        {'error': {'code': 429, 'message': 'come again', 'status': 'RESOURCE_EXHAUSTED'}}
        """
        _, word = _CODES.get(self.status, (2, HTTPStatus(self.status).name))
        return {"error": {"code": self.status, "message": self.why, "status": word}}


def busy(why: str) -> Refused:
    """The refusal of what could be answered a little later."""
    return Refused(429, why, headers={"retry-after": "1"})
