"""`joryu collect` as it is typed: killed and gone on with, and its licences all the way to a student's card."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from website import Site, gives, opened, picture

from joryu.cli import main
from joryu.examples.collected import JOURNAL, read_journal
from joryu.examples.original_bytes import key_of
from joryu.targets import Store

Ask = Callable[..., tuple[int, str, str]]
FAST = ("--allow-private", "--rate", "1000", "--no-near")


@pytest.fixture
def site() -> Iterator[Site]:
    with opened() as site:
        yield site


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Ask:
    def run(*words: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stopped:
            main([*map(str, words)])
        return int(stopped.value.code or 0), *capsys.readouterr()

    return run


def put(site: Site, folder: Path, n: int, seconds: float = 0.0) -> Path:
    """A list of ``n`` pictures of a site, each of which takes so long."""

    def slowly(content: bytes) -> Callable[[Any], None]:
        def answer(handler: Any) -> None:
            time.sleep(seconds)
            gives(content)(handler)

        return answer

    site.pages |= {f"{at}.png": slowly(picture(at)) for at in range(n)}
    rows = [f"{site.at(f'{at}.png')},{'CC0 1.0' if at % 3 else 'CC-BY-4.0'},photographer {at % 2}" for at in range(n)]
    path = folder / "list.csv"
    path.write_text("\n".join(["url,licence,author", *rows]))
    return path


def test_a_list_is_collected_in_one_line_and_known_the_next_time(site: Site, ask: Ask, tmp_path: Path) -> None:
    listed, out = put(site, tmp_path, 4), tmp_path / "photos"
    code, said, remarks = ask("collect", listed, "--out", out, *FAST)
    assert (code, said.count("\n")) == (0, 1)
    assert said.startswith(f"4 pictures in {out}, 4 of them new; licences: CC-BY-4.0 2, CC0 1.0 2")
    assert "licences from column licence" in remarks
    assert site.asked[-1].headers["User-Agent"].startswith("joryu/")
    site.asked.clear()
    code, said, _ = ask("collect", listed, "--out", out, *FAST, "--json")
    found = json.loads(said)
    assert (code, site.asked, found["new"], found["kept"]) == (0, [], 0, 4)
    assert (found["sources"], found["near"]) == ({"photographer 0": 2, "photographer 1": 2}, None)


def test_what_has_no_end_is_one_line(site: Site, ask: Ask, tmp_path: Path) -> None:
    listed = put(site, tmp_path, 1)
    for words, code, said in (
        ((listed, "--out", tmp_path / "a"), 1, "which is no public address"),
        ((listed, "--out", tmp_path / "b", *FAST, "--licence", "CC0*"), 1, "--licence names none of its licences"),
        ((listed, "--out", tmp_path / "c", *FAST, "--rate", "0"), 2, "--rate is not usable"),
        ((listed, "--out", tmp_path / "d", "--url-column", "ulr"), 2, "did you mean url?"),
        ((tmp_path / "none.csv", "--out", tmp_path / "e"), 2, "no such file or folder"),
        ((listed, "--out", tmp_path), 2, "is there already and no collection"),
        (("https://a.example/x", "--out", tmp_path / "f"), 2, "an address is no list"),
    ):
        found, out, err = ask("collect", *words)
        assert (found, out) == (code, ""), err
        assert said in err.splitlines()[-1]


def test_near_duplicates_are_told(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    files = {"a.png": picture(1, 96), "b.jpg": picture(1, 96, "JPEG", quality=92), "c.png": picture(2, 96)}
    for name, content in files.items():
        (tmp_path / "mine" / name).write_bytes(content)
    code, said, remarks = ask("collect", tmp_path / "mine", "--out", tmp_path / "c", "--default-licence", "mine")
    assert code == 0
    assert "1 near-duplicates; licences: mine 3" in said
    assert f"near-duplicates are listed in {tmp_path / 'c' / 'near-duplicates.csv'}" in remarks


@pytest.mark.slow
@pytest.mark.sockets
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_killed_and_gone_on_with(how: signal.Signals, site: Site, ask: Ask, tmp_path: Path) -> None:
    n = 60
    listed, out = put(site, tmp_path, n, seconds=0.2), tmp_path / "photos"
    words = [sys.executable, "-m", "joryu", "collect", str(listed), "--out", str(out), *FAST, "--concurrency", "2"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        journal, until = out / JOURNAL, time.monotonic() + 60
        while not (journal.is_file() and journal.read_bytes().count(b"\n") >= 8):
            assert time.monotonic() < until
            assert process.poll() is None, process.stderr.read() if process.stderr else ""
            time.sleep(0.02)
        os.kill(process.pid, how)
        _, err = process.communicate(timeout=30)
    finally:
        process.kill()
    if how is signal.SIGINT:
        assert (process.returncode, err.splitlines()[-1]) == (
            130, "joryu: interrupted; what was done is kept: run the same command again to go on",
        )  # fmt: skip
    kept = {record.place for record in read_journal(out)}
    here = {path.stem for path in out.glob("pictures/*/*.png")}
    assert 8 <= len(kept) < n
    assert here <= {record.picture for record in read_journal(out)}
    before = len(site.paths)
    code, said, _ = ask("collect", listed, "--out", out, *FAST)
    assert code == 0
    assert f"{n} pictures in {out}" in said
    assert {path.stem for path in out.glob("pictures/*/*.png")} == {key_of(picture(at)).hex() for at in range(n)}
    asked_again = {site.url + path for path in site.paths[before:]}
    missing = {record.place for record in read_journal(out) if record.place not in kept}
    assert asked_again >= missing
    if how is signal.SIGINT:
        assert asked_again == missing
    assert len(asked_again) <= n - len(here)


@pytest.fixture
def students(site: Site, ask: Ask, tmp_path: Path) -> Path:
    """A teacher that learned from labels of a collection, its answers about another one, and a student."""
    out = tmp_path / "photos"
    code, _, err = ask("collect", put(site, tmp_path, 30), "--out", out, *FAST)
    assert code == 0, err
    rows = [f"{record.file},{'ab'[at % 2]}" for at, record in enumerate(read_journal(out))]
    (out / "labels.csv").write_text("\n".join(["file,class", *rows]))
    short = ("--epochs", "1", "--batch-size", "8", "--size", "8")
    for words in (
        ("train", "--network", "mlp:4x1", "--examples", f"folder:{out},labels=labels.csv", *short, "--out", "teacher"),
        ("label", "--teacher", "run:teacher", "--examples", out, "--size", "8", "--out", "targets"),
        ("distill", "--student", "mlp:4x1", "--examples", out, "--targets", "targets", *short, "--out", "run",
         "--allow-dead-teacher"),
    ):  # fmt: skip
        code, _, err = ask(*words)
        assert code == 0, err
    return tmp_path


@pytest.mark.slow
def test_licences_travel_into_the_store_the_run_and_the_card(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.chdir(tmp_path)
    request.getfixturevalue("students")
    licences, sources = {"CC0 1.0": 20, "CC-BY-4.0": 10}, {"photographer 0": 15, "photographer 1": 15}
    manifest = Store.open("targets").manifest
    assert (manifest.examples.licences, manifest.examples.sources) == (licences, sources)
    notes = json.loads(Path("run/run.json").read_text())["notes"]
    assert (notes["licences"], notes["sources"]) == (licences, sources)
    for refused in ("CC0*", "CC-BY-[0-9]*"):
        code, _, err = ask("export", "run", "--out", "student", "--licence", refused)
        assert code == 3
        assert re.search(r"the set that run learned from has pictures of licences that are not accepted", err)
        assert not Path("student").exists()
    code, _, err = ask("export", "run", "--out", "student", "--licence", "CC0*", "--licence", "CC-BY-4.0")
    assert code == 0, err
    card = Path("student/README.md").read_text()
    assert "- Licences of what it learned from, by examples: `CC0 1.0` 20, `CC-BY-4.0` 10." in card
    assert "- Their sources: `photographer 0` 15, `photographer 1` 15." in card
    assert "- Licences of what its teacher learned from: `CC0 1.0` 20, `CC-BY-4.0` 10." in card
    changed = Path("list.csv").read_text().replace("CC-BY-4.0", "all rights reserved")
    Path("list.csv").write_text(changed)
    assert ask("collect", "list.csv", "--out", "photos", *FAST)[0] == 0
    assert ask("label", "--teacher", "run:teacher", "--examples", "photos", "--size", "8", "--out", "targets")[0] == 0
    assert Store.open("targets").manifest.examples.licences == {"CC0 1.0": 20, "all rights reserved": 10}
