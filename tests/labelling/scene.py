"""A project with pictures, and its page, for the tests of labelling."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from starlette.testclient import TestClient

from joryu.annotations import Project, Settings
from joryu.labelling.app import create_app
from joryu.labelling.desk import Desk
from joryu.labelling.guard import Tickets
from joryu.labelling.pictures import scan

ORIGIN = "http://127.0.0.1:8642"
HOSTS = frozenset({"127.0.0.1:8642", "localhost:8642"})
SETTINGS = Settings(classes=("healthy", "scab", "black rot"), repeats=0)


def paint(root: Path, n: int = 12) -> None:
    """Pictures of different content in two folders."""
    generator = np.random.default_rng(0)
    for at in range(n):
        path = root / ("one" if at % 2 else "two") / f"{at:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(generator.integers(0, 256, (24, 32, 3), dtype=np.uint8)).save(path)


def make_project(folder: Path, settings: Settings = SETTINGS, n: int = 12) -> Project:
    paint(folder / "pictures", n)
    return Project.create(folder / "project", settings, folder / "pictures", scan(folder / "pictures").files)


class Page:
    """A browser that came in by the link, without the browser."""

    def __init__(self, project: Project, **desk: Any) -> None:
        self.project = project
        self.tickets = Tickets()
        # A second goes by whenever the desk looks at its clock: tests that answer at once have looked long enough.
        self.desk = Desk(project, **{"seconds": count().__next__, **desk})
        self.app = create_app(self.desk, tickets=self.tickets, hosts=HOSTS)
        self.client = TestClient(self.app, base_url=ORIGIN)
        self.client.get("/", params={"token": self.tickets.issue()})
        self._keys = 0

    def post(self, path: str, body: Any, **headers: str) -> Any:
        return self.client.post(path, json=body, headers={"origin": ORIGIN, **headers})

    def begin(self, annotator: str = "ann", session: str | None = None) -> dict[str, Any]:
        found: dict[str, Any] = self.post("/api/session", {"annotator": annotator, "session": session}).json()
        return found

    def key(self) -> str:
        self._keys += 1
        return f"key-{self._keys:08d}"

    def answer(self, shown: dict[str, Any], session: str, choice: str | None = "healthy", **more: Any) -> Any:
        body = {"session": session, "key": self.key(), **shown["task"], "choice": choice, **more}
        return self.post("/api/answers", body)
