"""What came of one request: answers picture by picture, a reason to try again, or a reason to stop."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from joryu.errors import Stop
from joryu.remote.api import Api, Refusal, as_text
from joryu.remote.json_places import value_at
from joryu.remote.pace import retry_after_s

#: answered without having looked at a picture: these cost nothing
FREE: Final = frozenset({400, 401, 403, 404, 405, 408, 411, 413, 415, 422, 429})
_AGAIN: Final = frozenset({408, 425, 429, 500, 502, 503, 504, 507, 509, 520, 521, 522, 523, 524, 529})
_ONE_AT_FAULT: Final = frozenset({400, 413, 415, 422})  #: one picture of several may be


class Received(NamedTuple):
    """An HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def meaning(self, api: Api, count: int) -> Outcome:
        """What it says of ``count`` pictures."""
        return _read(api, self, count)


class Lost(NamedTuple):
    """No answer came: a word for the ledger, why, and whether the request may have arrived."""

    kind: str
    reason: str
    sent: bool

    def meaning(self, _: Api, count: int) -> Outcome:
        """Nothing of any picture, and they may be asked about again."""
        return Outcome(self.kind, [Refusal(self.reason, good=False)] * count, charged=self.sent)


class Outcome(NamedTuple):
    """What came of a request about some pictures.

    ``parts``: of each picture its raw answer, or why there is none. ``status`` is a word for the ledger. ``charged``:
    whether it may have cost its units. ``wait_s``: how long the API asks everybody to wait. ``stop``: why nothing more
    is to be asked. ``halve``: one of the pictures may be at fault, so ask about fewer.
    """

    status: str
    parts: list[bytes | Refusal]
    charged: bool
    wait_s: float | None = None
    stop: Stop | None = None
    halve: bool = False

    @property
    def succeeded(self) -> bool:
        """Whether the API is well: something was answered, or refused for a reason of its own."""
        return self.status == "200" and any(isinstance(part, bytes) or part.good for part in self.parts)

    @property
    def reason(self) -> str:
        """Why the first picture without an answer has none; empty where all have one."""
        return next((part.reason for part in self.parts if not isinstance(part, bytes)), "")


def outcome_of(api: Api, came: Received | Lost, count: int) -> Outcome:
    """What a reply to a request about ``count`` pictures means."""
    return came.meaning(api, count)


def _read(api: Api, came: Received, count: int) -> Outcome:
    status, free = str(came.status), came.status in FREE
    if came.status == 200:
        return _answered(api, came.body, count)
    reason = f"HTTP {came.status}: {_message(came.body)}"
    wait_s = retry_after_s(next((v for k, v in came.headers.items() if k.lower() == "retry-after"), None))
    if came.status in _AGAIN:
        return Outcome(status, [Refusal(reason, good=False)] * count, charged=not free, wait_s=wait_s)
    if came.status in _ONE_AT_FAULT and not _is_about_the_key(came.body):
        halve = count > 1
        return Outcome(status, [Refusal(reason, good=not halve)] * count, charged=False, halve=halve)
    return Outcome(
        status, [Refusal(reason, good=False)] * count, charged=not free,
        stop=Stop("the API refuses to be asked", received=reason, hint=_what_to_try(came.status)),
    )  # fmt: skip


def _answered(api: Api, body: bytes, count: int) -> Outcome:
    try:
        parts = api.split(body, count)
    except (ValueError, RecursionError) as error:
        said = "it is cut off, or no JSON" if isinstance(error, json.JSONDecodeError) else str(error)
        reason = as_text(f"an answer that cannot be read: {said}")
        return Outcome("unreadable", [Refusal(reason, good=False)] * count, charged=True)
    stopping = next((part for part in parts if not isinstance(part, bytes) and part.stops), None)
    stop = None if stopping is None else Stop("the API refuses to be asked", received=stopping.reason)
    return Outcome("200", parts, charged=True, stop=stop)


def _message(body: bytes) -> str:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return " ".join(body[:200].decode(errors="replace").split()) or "nothing more was said"
    said = value_at(content, "error.message") or value_at(content, "message") or value_at(content, "error")
    return " ".join(as_text(said or content)[:300].split())


def _is_about_the_key(body: bytes) -> bool:
    """Google answers 400 to a wrong key: no picture is at fault then."""
    try:
        details: Any = value_at(json.loads(body), "error.details")
    except (ValueError, RecursionError):
        return False
    found = [str(value_at(detail, "reason")) for detail in details] if isinstance(details, list) else []
    return any(reason.startswith("API_KEY") for reason in found)


def _what_to_try(status: int) -> str:
    if status in (400, 401, 403):
        return "look whether the key is right, its API is enabled, and billing is on"
    if 300 <= status < 400:
        return "name the address it redirects to with --endpoint: a key is never sent after a redirect"
    return "look whether --endpoint and the model are right"
