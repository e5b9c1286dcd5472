"""Read manifests of the first schema, which had classes and a *kind* of question, as the present one."""

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
    """Translate the content of a manifest from schema 1 to schema 2. The answers themselves stay as they are.

    Schema 1 had a space ``scores`` for the probabilities of tags, whatever the kind of question, and called numbers
    logits.

    Raises:
        ValueError: the kind of question does not exist any more, such as one per frame.
    """
    form = content.get("form") or {}
    kind = form.get("kind", "one-of-many") if isinstance(form, dict) else None
    if not isinstance(kind, str) or kind not in _KINDS:
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
