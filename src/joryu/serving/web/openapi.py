"""The description of the two ways to ask, as OpenAPI 3.1, and a page that shows it and needs nothing from outside."""

from __future__ import annotations

import json
from html import escape
from typing import Any

from joryu.questions import Question
from joryu.serving.web.limits import RequestLimits

_ERROR = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {"code": {"type": "integer"}, "message": {"type": "string"}, "status": {"type": "string"}},
        }
    },
}
_JSON = "application/json"


def describe(question: Question, limits: RequestLimits, *, labels: bool, files: bool) -> dict[str, Any]:
    """The OpenAPI document of a server of this question.

    ``labels``: whether it answers ``images:annotate`` too; ``files``: whether ``/predict`` takes a picture's bytes and
    not JSON.
    """
    body = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    paths: dict[str, Any] = {
        "/predict": {
            "post": {
                "summary": f"An answer as joryu predict --json prints it: {question}",
                "parameters": [_query("top", "integer", "only the most probable"), _query("masks", "boolean", "as PNG")]
                if files
                else [_query("top", "integer", "only the most probable")],
                "requestBody": {"required": True, "content": body if files else {_JSON: {"schema": {}}}},
                "responses": _responses({"type": "object"}),
            }
        },
        "/healthz": {"get": {"summary": "Whether the server answers.", "responses": _responses({"type": "object"})}},
        "/metrics": {"get": {"summary": "Prometheus' format.", "responses": {"200": {"description": "text"}}}},
    }
    if labels:
        paths["/v1/images:annotate"] = {
            "post": {
                "summary": f"Google's images:annotate, LABEL_DETECTION alone; at most {limits.pictures} pictures.",
                "requestBody": {"required": True, "content": {_JSON: {"schema": _ANNOTATE}}},
                "responses": _responses({"type": "object"}),
            }
        }
    return {
        "openapi": "3.1.0",
        "info": {"title": "joryu serve", "version": "1", "description": f"{question}; bodies up to {limits.body:,} B."},
        "paths": paths,
    }


_ANNOTATE: dict[str, Any] = {
    "type": "object",
    "required": ["requests"],
    "properties": {
        "requests": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "image": {"type": "object", "properties": {"content": {"type": "string", "format": "byte"}}},
                    "features": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "properties": {
                                "type": {"enum": ["LABEL_DETECTION", 4]},
                                "maxResults": {"type": "integer", "minimum": 0},
                            },
                        },
                    },
                },
            },
        }
    },
}


def page(described: dict[str, Any]) -> str:
    """The description as one page of HTML."""
    parts = [
        f"<section><h2><b>{escape(method.upper())}</b> {escape(path)}</h2><p>{escape(one['summary'])}</p>"
        f"<details><summary>as OpenAPI</summary><pre>{escape(json.dumps(one, indent=2))}</pre></details></section>"
        for path, methods in described["paths"].items()
        for method, one in methods.items()
    ]
    info = described["info"]
    return _PAGE.format(title=escape(info["title"]), said=escape(info["description"]), parts="\n".join(parts))


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title><style>
:root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }}
body {{ max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }}
h2 {{ font-size: 1.1rem; font-family: ui-monospace, monospace; font-weight: normal; overflow-wrap: anywhere; }}
section {{ border-top: 1px solid #8886; }} pre {{ overflow-x: auto; font-size: .85rem; }}
</style></head><body><h1>{title}</h1><p>{said} <a href="openapi.json">openapi.json</a></p>
{parts}
</body></html>
"""


def _query(name: str, kind: str, said: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": said, "schema": {"type": kind}}


def _responses(schema: dict[str, Any]) -> dict[str, Any]:
    refused = {"content": {_JSON: {"schema": _ERROR}}}
    return {
        "200": {"description": "the answer", "content": {_JSON: {"schema": schema}}},
        "400": {"description": "what was sent is not of this shape", **refused},
        "413": {"description": "the body is too long", **refused},
        "422": {"description": "the input cannot be read", **refused},
        "429": {"description": "too many ask: come again", **refused},
        "504": {"description": "no answer in time", **refused},
    }
