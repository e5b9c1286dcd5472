"""The JSON API against its own description: whatever is sent, no server error and no undocumented answer."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from scene import make_project

from joryu.labelling.app import open_app
from joryu.labelling.desk import Desk
from joryu.labelling.tickets import Tickets

schemathesis = pytest.importorskip("schemathesis")

PLACE = Path(tempfile.mkdtemp())
atexit.register(shutil.rmtree, PLACE, ignore_errors=True)
SCHEMA = schemathesis.openapi.from_asgi(
    "/openapi.json", open_app(Desk(make_project(PLACE)), tickets=Tickets(), described=True)
)


@pytest.mark.slow
@SCHEMA.exclude(path_regex="^/(static|pictures|favicon)").parametrize()
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_nothing_sent_makes_the_server_fail(case) -> None:  # type: ignore[no-untyped-def]
    response = case.call()
    assert response.status_code < 500, response.text
