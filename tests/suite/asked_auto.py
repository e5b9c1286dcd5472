"""Which tests asked what precision ``auto`` means, so that ``--replay`` plays those alone as the other kind.

A test asks if it, or a fixture that it uses, reads the variable ``JORYU_AUTO_PRECISION``, or starts a process, which
may read it unseen. Whoever never asks finds the same whatever the answer is. What was found is kept in pytest's cache,
test by test; a test that is not in it is played.
"""

from __future__ import annotations

import functools
import multiprocessing.process
import os
import subprocess
import sys
from collections.abc import Callable, Generator
from types import FrameType
from typing import Any

import pytest

VARIABLE = "JORYU_AUTO_PRECISION"  #: ``joryu.precision.AUTO``, without what an import of that brings
RECORD = "joryu/asked-what-auto-means"  #: the place in pytest's cache: the id of a test to whether it asked


class Watched(type(os.environ)):  # type: ignore[misc]
    """The environment, which says when somebody reads in the variable what the tests are played as.

    A test that has set it to something else, or taken it away, knows what it will read.
    """

    def __getitem__(self, name: str) -> str:
        value: str = super().__getitem__(name)
        if name == VARIABLE and value == Asking.played and not put_back_later(sys._getframe(1)):
            Asking.now = True
        return value


def put_back_later(reader: FrameType) -> bool:
    """Whether it is `pytest.MonkeyPatch` that reads, through ``get``, what it is about to change."""
    caller = reader.f_back
    return caller is not None and caller.f_globals.get("__name__") == "_pytest.monkeypatch"


class Asking:
    """Whether anything has asked since a test, or the fixture that is being made for it, began."""

    now = False
    played: str | None = None


def noting(start: Callable[..., Any], whether: Callable[[], object]) -> Callable[..., Any]:
    """Whoever starts a process may have it ask."""

    @functools.wraps(start)
    def started(*arguments: Any, **more: Any) -> Any:
        Asking.now |= bool(whether())
        return start(*arguments, **more)

    return started


class AskedAuto:
    """What one process that plays tests finds out about those it plays."""

    def __init__(self) -> None:
        self.fixtures: set[tuple[str, str]] = set()  # name and place of those that asked while they were made

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Generator[None, Any, Any]:
        before, Asking.now = Asking.now, False
        try:
            return (yield)
        finally:
            if Asking.now:
                self.fixtures.add((fixturedef.argname, fixturedef.baseid))
            Asking.now |= before

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, Any, Any]:
        del item
        Asking.now = False
        return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, Any, Any]:
        try:
            return (yield)
        finally:
            used = set(getattr(item, "fixturenames", ()))
            made = any(name in used and item.nodeid.startswith(place) for name, place in self.fixtures)
            item.user_properties.append((RECORD, Asking.now or made))


class Recorder:
    """Writes down what the processes found, in the one that the tests were started in."""

    def __init__(self, config: pytest.Config) -> None:
        self.config, self.found = config, dict[str, bool]()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "teardown":
            self.found[report.nodeid] = bool(dict(report.user_properties).get(RECORD, True))

    def pytest_sessionfinish(self) -> None:
        self.config.cache.set(RECORD, recorded(self.config) | self.found)


def recorded(config: pytest.Config) -> dict[str, bool]:
    """What was found whenever a test was last played."""
    found: dict[str, bool] = config.cache.get(RECORD, {})
    return found


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--replay",
        action="store_true",
        help="only tests that asked what the precision auto means when they were last played, and those never played",
    )


@pytest.hookimpl(trylast=True)  # the variable is set by then
def pytest_configure(config: pytest.Config) -> None:
    """Watch, unless this is a replay: a replay is told from what was found before, and changes nothing of it."""
    if getattr(config, "cache", None) is None:  # -p no:cacheprovider
        if config.getoption("replay"):
            raise pytest.UsageError("--replay needs pytest's cache, where it is written what asked")
        return
    if config.getoption("replay"):
        return
    Asking.played, os.environ.__class__ = os.environ.get(VARIABLE), Watched
    popen, process = subprocess.Popen, multiprocessing.process.BaseProcess
    popen.__init__ = noting(popen.__init__, lambda: os.environ.get(VARIABLE) == Asking.played)  # type: ignore[method-assign]
    process.start = noting(process.start, lambda: True)  # type: ignore[method-assign] # its server began earlier
    config.pluginmanager.register(AskedAuto())
    if not hasattr(config, "workerinput"):  # pytest-xdist: a worker reports to the one that started it
        config.pluginmanager.register(Recorder(config))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("replay"):
        return
    asked = recorded(config)
    left = [item for item in items if not asked.get(item.nodeid, True)]
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item in items if asked.get(item.nodeid, True)]
