"""`SafeJSONResponse`: JSON that can always be sent, whatever a client sent before."""

from __future__ import annotations

import json
from typing import Any

from starlette.responses import JSONResponse


class SafeJSONResponse(JSONResponse):
    r"""A response as JSON. What is no text in it, such as half of a surrogate pair, becomes a question mark.

    JSON may hold ``"\ud800"``, which no UTF-8 can say; an error that repeats it could not be sent.

    >>> SafeJSONResponse({"error": "\ud800"}).body
    b'{"error":"?"}'
    """

    def render(self, content: Any) -> bytes:
        """As Starlette's own does, and never failing at text."""
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode(errors="replace")
