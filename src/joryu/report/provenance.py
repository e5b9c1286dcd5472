"""What a run's record leads to: its store, the audit of that store, and how the run was made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from joryu.examples.places import from_here
from joryu.targets import Store, audit


def as_found_from_here(record: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The record with its relative specs resolved, so that they can be loaded from the present folder."""
    notes = record.get("notes", {})
    paths = {name: notes[name] for name in ("examples", "targets") if notes.get(name)}
    found = {name: from_here(spec, folder, record.get("typed_in")) for name, spec in paths.items()}
    return {**record, "notes": {**notes, **found}}


def store_of(record: dict[str, Any]) -> Store | None:
    """The store of soft targets that the record names; ``None`` if it names none, or it is gone."""
    path = record.get("notes", {}).get("targets")
    if path is None or not (Path(path) / "manifest.json").is_file():
        return None
    return Store.open(path)


def audited(store: Store, temperature: float) -> dict[str, Any]:
    """The audit of a store as JSON-able data, its findings as sentences."""
    found = audit(store, temperature=temperature).to_json()
    return found | {"findings": [f"{one['severity']}: {one['message']}" for one in found["findings"]]}


def provenance_of(record: dict[str, Any], store: Store | None) -> dict[str, Any]:
    """How a run was made: machine, times, objective, recipe, examples, and where its soft targets come from."""
    kept: dict[str, Any] = {
        key: record[key]
        for key in ("joryu", "machine", "started", "finished", "seconds", "best_epoch")
        if key in record
    }
    request = record["request"]
    kept |= {"objective": request["objective"], "recipe": request["recipe"], "examples": request["examples"]}
    if best_of := record.get("notes", {}).get("best_of"):
        kept["chosen by a sweep"] = best_of
    if store is not None:
        manifest = store.manifest
        members, rule = manifest.teacher.members, None if manifest.form is None else manifest.form.combination
        kept["soft targets"] = {
            "teacher": manifest.teacher.spec or manifest.teacher.description,
            **({"members": ", ".join(one.description for one in members), "rule": str(rule)} if members else {}),
            "teacher fingerprint": manifest.teacher.fingerprint,
            "examples fingerprint": manifest.examples.fingerprint,
            "answers": len(store),
            "views": f"{manifest.n_views} of {manifest.views}" if manifest.n_views else "none",
            "encoding": str(manifest.encoding),
            "requests": manifest.cost.requests,
            "seconds": round(manifest.cost.seconds, 1),
        }
    return kept
