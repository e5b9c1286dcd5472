"""What the tests of asking share: pictures, a moody API, and limits that wait for nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from benchmarks.black_box import BlackBox

from joryu.remote import Api, ApiLimits, Collected, Ledger, Options, Pictures, collect, google_vision
from joryu.remote.credentials import Anonymous, Credentials

QUICK = ApiLimits(
    concurrency=4, rate=1e6, timeout=5.0, first_wait=0.002, longest_wait=0.02, cool_down=0.01, failures=20, canaries=2
)


NOBODY = Anonymous()


def id_of(picture: bytes) -> bytes:
    return hashlib.sha256(picture).digest()[:16]


def pictures(count: int, start: int = 0) -> list[bytes]:
    return [f"picture {at}".encode() for at in range(start, start + count)]


def to_ask(contents: Sequence[bytes]) -> Pictures:
    return Pictures([id_of(one) for one in contents], lambda at: contents[at])


def api_at(box: BlackBox, **changes: object) -> Api:
    return google_vision(box.url, longest_side=None, **changes)  # type: ignore[arg-type]


def ask(
    box: BlackBox, folder: Path, contents: Sequence[bytes], *, limits: ApiLimits = QUICK, budget: int | None = None,
    credentials: Credentials = NOBODY, together: int = 16,
) -> Collected:  # fmt: skip
    api = api_at(box)
    api = api.model_copy(update={"request": api.request.model_copy(update={"pictures": together})})
    with Ledger.write(folder, api.settings) as ledger:
        return collect(api, ledger, credentials, to_ask(contents), options=Options(limits=limits, budget=budget))
