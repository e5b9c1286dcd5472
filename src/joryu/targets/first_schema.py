"""Manifests of the first schema, which knew classes and a *kind* of question, read as the present one."""

from __future__ import annotations

from typing import Any

from joryu.questions import PICTURE

_KINDS = {
    "one-of-many": ("softmax", ()),
    "many-of-many": ("sigmoid", ()),
    "per-pixel": ("softmax", PICTURE),
    "regression": ("identity", ()),
}


def from_first_schema(content: dict[str, Any]) -> dict[str, Any]:
    """The content of a manifest of schema 1, as schema 2 has it; its answers stay as they are.

    Schema 1 wrote tags' probabilities as a space of their own, ``scores``, whatever the kind of question; and numbers,
    which have no logits, as logits.

    Raises:
        ValueError: a kind of question that nobody carries, such as per frame.
    """
    form = content.get("form") or {}
    kind = form.get("kind", "one-of-many")
    if kind not in _KINDS:
        raise ValueError(f"answers {kind} are not read any more")
    link, grid = _KINDS[kind]
    if form.get("space") == "scores":
        link, form = "sigmoid", {**form, "space": "probs"}
    if link == "identity":
        form = {**form, "space": "numbers"}
    question = {"names": content.get("classes"), "link": link, "grid": grid}
    kept = {name: value for name, value in content.items() if name not in ("classes", "form", "schema_version")}
    return kept | {
        "schema_version": 2,
        "keys": "pixels",
        "question": question,
        "form": {name: value for name, value in form.items() if name != "kind"} or None,
    }
