"""A paid teacher from the command line: a plan, a budget, a store, another vocabulary; and a key that shows nowhere."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from benchmarks.black_box import BlackBox, labels_of
from PIL import Image

from joryu.cli import main
from joryu.examples import load_examples
from joryu.remote import Ledger, Tag
from joryu.remote.spec import find_api
from joryu.targets import Store
from joryu.teachers import TeacherBatch, find_teacher
from joryu.teachers.labelling import label_and_count

N = 40
Ask = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    random = np.random.default_rng(0)
    for at in range(N):
        Image.fromarray(random.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(folder / f"{at:02d}.png")
    (folder / "again.png").write_bytes((folder / "00.png").read_bytes())
    return folder


@pytest.fixture
def box() -> Iterator[BlackBox]:
    with BlackBox().running() as running:
        yield running


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Ask:
    def run(*words: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stopped:
            main([*map(str, words)])
        return int(stopped.value.code or 0), *capsys.readouterr()

    return run


def labelling(box: BlackBox, photos: Path, out: Path, *more: object) -> tuple[object, ...]:
    teacher: tuple[object, ...] = () if "--teacher" in more else ("--teacher", "google-vision")  # two are an ensemble
    asked = ("label", *teacher, "--endpoint", box.url, "--examples", f"folder:{photos}", "--split", "all")
    return (*asked, "--out", out, *more)


def test_a_plan_says_what_it_takes_and_sends_nothing(box: BlackBox, photos: Path, ask: Ask, tmp_path: Path) -> None:
    planned = (
        "plan",
        "--teacher",
        "google-vision",
        "--endpoint",
        box.url,
        "--examples",
        f"folder:{photos}",
        "--split",
        "all",
    )
    code, out, _ = ask(*planned, "--budget", "30", "--json")
    told = json.loads(out)
    assert code == 0 and box.requests == 0
    assert (told["distinct"], told["known"], told["asked"], told["requests"]) == (N, 0, 30, 2)
    assert told["money"] == pytest.approx(0.045) and told["seconds"] == pytest.approx(2 / 30)
    assert told["bytes_sent"] > 30 * 200
    ask(*labelling(box, photos, tmp_path / "targets", "--budget", "20"))
    code, out, _ = ask(*planned, "--out", tmp_path / "targets", "--budget", "0.045USD")
    assert f"{N} distinct pictures, 20 answered already: 20 to ask about, the budget has room for 10" in out
    assert "0.01 USD at 1.5 for 1,000 pictures" in out.replace("0.02", "0.01")


def test_it_stops_at_the_budget_and_a_larger_one_goes_on(box: BlackBox, photos: Path, ask: Ask, tmp_path: Path) -> None:
    out = tmp_path / "targets"
    code, said, talk = ask(*labelling(box, photos, out, "--budget", "25"))
    assert code == 7 and "the budget is spent (expected at most 25 units; received 25 spent)" in talk
    assert said.startswith("25 answers in") and box.units == 25
    assert "25 answered now, 0 were known; 25 pictures paid, 0.04 USD" in talk
    code, said, talk = ask(*labelling(box, photos, out, "--budget", "1000"))
    assert code == 0 and f"{N} answers in" in said
    assert box.units == N + 3, "three canaries"
    requests = box.requests
    code, said, _ = ask(*labelling(box, photos, out))
    assert code == 0 and "all there already" in said and box.requests == requests


def test_a_store_is_rebuilt_with_another_vocabulary_and_nothing_is_asked(
    box: BlackBox, photos: Path, ask: Ask, tmp_path: Path
) -> None:
    out = tmp_path / "targets"
    ask(*labelling(box, photos, out))
    before, requests = Store.open(out).manifest, box.requests
    code, said, _ = ask("targets", "rebuild", out, "--tags", "5")
    assert code == 0 and f"{N} answers about 5 tags" in said and box.requests == requests
    store = Store.open(out)
    assert store.manifest.classes == before.question.names[:5] and store.manifest.encoding is not None
    assert store.manifest.teacher.fingerprint != before.teacher.fingerprint
    assert sorted(path.name for path in tmp_path.iterdir()) == ["targets", "targets.ledger"]
    code, said, talk = ask(*labelling(box, photos, out))
    assert code == 0 and "all there already" in said, talk
    assert ask("targets", "rebuild", out, "--min-count", "3", "--out", tmp_path / "others")[0] == 0
    assert len(Store.open(tmp_path / "others").manifest.classes) > 5
    assert ask("verify", out)[0] == 0
    code, _, talk = ask("targets", "rebuild", out, "--min-count", "1000")
    assert code == 2 and "no tag is left" in talk and len(Store.open(out)) == N


def test_what_was_not_returned_has_a_bound_and_no_score(box: BlackBox, photos: Path, ask: Ask, tmp_path: Path) -> None:
    ask(*labelling(box, photos, tmp_path / "targets"))
    store = Store.open(tmp_path / "targets")
    examples = load_examples(f"folder:{photos}", split="all")
    kept = store.gather(store.rows(examples.ids, 0))
    dense = kept.dense()
    assert dense.coverage is not None and bool((dense.values[~dense.coverage] == 0.5).all())
    for row in (0, 7):
        told = labels_of(examples.encoded([row])[0])["labelAnnotations"]
        scores = {one["description"]: one["score"] for one in told}
        names = [store.manifest.classes[at] for at in dense.coverage[row].nonzero().flatten().tolist()]
        assert set(names) == set(scores)
        assert [float(dense.values[row, store.manifest.classes.index(name)]) for name in scores] == pytest.approx(
            [*scores.values()], abs=1e-6
        )


def test_the_ledger_is_a_teacher_of_its_own(box: BlackBox, photos: Path, ask: Ask, tmp_path: Path) -> None:
    ask(*labelling(box, photos, tmp_path / "targets", "--budget", "16"))
    examples = load_examples(f"folder:{photos}", split="all")
    teacher, known = find_teacher(f"ledger:{tmp_path / 'targets.ledger'}", examples)
    assert len(known) in (16, 17), "copies have one answer"
    assert teacher.answer(TeacherBatch.of(known)).answered(len(known)) == range(len(known))
    reply = teacher.answer(TeacherBatch.of(examples.asked(teacher.question)))
    assert set(reply.failures.values()) == {"the API was not asked about it"}
    assert reply.cost.money == pytest.approx(0.0015 * len(known))
    assert torch.isfinite(teacher.answer(TeacherBatch.of(known)).whole(len(known)).values).all()


def test_going_on_with_a_store_of_a_ledger_costs_nothing_again(
    box: BlackBox, photos: Path, ask: Ask, tmp_path: Path
) -> None:
    ask(*labelling(box, photos, tmp_path / "targets"))
    examples = load_examples(f"folder:{photos}", split="all")
    teacher, known = find_teacher(f"ledger:{tmp_path / 'targets.ledger'}", examples)
    costs = [label_and_count(teacher, known, tmp_path / "own").store.manifest.cost.money for _ in range(2)]
    assert costs[0] == costs[1] == pytest.approx(0.0015 * N)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--budget", "much"), "--budget is not usable"),
        (("--rate", "0"), "--rate is not usable"),
        (("--endpoint", "http://u:planted@127.0.0.1:1"), "--endpoint holds more than an address"),
        (("--teacher", "google-vision,max-result=3"), "no option 'max-result'"),
        (("--teacher", "google-vision,max-results=no"), "max-results of google-vision is not usable"),
        (("--teacher", "http:nowhere.toml"), "no description of an API at nowhere.toml"),
        (("--teacher", "google-visio"), "--endpoint is for a teacher that is paid"),
        (("--classes", "a,b"), "names its own tags"),
        (("--n-views", "1", "--views", "flip"), "names its own tags"),
        (("--examples", "digits"), "lies in no files"),
    ],
)
def test_slips_are_told_in_one_line(
    box: BlackBox, photos: Path, ask: Ask, tmp_path: Path, more: tuple[str, ...], said: str
) -> None:
    code, _, talk = ask(*labelling(box, photos, tmp_path / "targets", *more))
    assert code == 2 and said in talk and "planted" not in talk
    assert box.requests == 0


def test_an_option_of_paid_teachers_is_not_passed_over(ask: Ask, tmp_path: Path) -> None:
    code, _, talk = ask("label", "--teacher", "run:x", "--examples", "digits", "--out", tmp_path, "--budget", "5")
    assert code == 2 and "--budget is for a teacher that is paid by the answer" in talk


def test_a_ledger_that_was_asked_otherwise_is_refused(box: BlackBox, photos: Path, ask: Ask, tmp_path: Path) -> None:
    ask(*labelling(box, photos, tmp_path / "targets"))
    other = ("--teacher", "google-vision,max-results=10")
    code, _, talk = ask(*labelling(box, photos, tmp_path / "targets", *other))
    assert code == 3 and "were asked for otherwise" in talk


DESCRIBED = """
endpoint = "URL/v1/images:annotate"
price = 2.0
currency = "EUR"
[key]
env = "OTHER_KEY"
header = "x-goog-api-key"
[request]
body = { requests = [{ image = { content = "{picture}" }, features = [] }] }
[answer]
answers = "responses"
tags = "labelAnnotations"
name = "description"
id = "mid"
floor = 0.5
most = 30
"""


def test_any_api_can_be_described(
    box: BlackBox, photos: Path, ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box.key = "planted-key"
    monkeypatch.setenv("OTHER_KEY", "planted-key")
    (tmp_path / "tags.toml").write_text(DESCRIBED.replace("URL", box.url))
    words = [*labelling(box, photos, tmp_path / "targets", "--budget", "7")]
    words[2] = f"http:{tmp_path / 'tags.toml'}"
    code, said, talk = ask(*words)
    assert code == 7 and said.startswith("7 answers in") and "EUR at 2" in talk
    assert box.requests == box.units == 7
    (tmp_path / "tags.toml").write_text(DESCRIBED.replace("price = 2.0", "price = -1"))
    code, _, talk = ask(*words)
    assert code == 2 and "does not describe an API: price is not usable" in talk


def test_the_description_in_the_docs_is_one(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "black-box.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```toml\n(.*?)```", page, flags=re.DOTALL)
    (tmp_path / "tags.toml").write_text(block)
    api = find_api(f"http:{tmp_path / 'tags.toml'}", endpoint="http://127.0.0.1:9")
    assert (api.name, api.endpoint) == ("tags", "http://127.0.0.1:9/v2/tags")
    raw = b'{"result": {"tags": [{"confidence": 61.5, "tag": {"en": "cat"}, "id": "c1"}]}}'
    assert api.read(raw) == ([Tag("c1", "cat", 0.615)], 0.3)
    assert json.loads(api.body([b"jpeg"])[0]) == {"image": "anBlZw==", "limit": 20}


PLANTED = "AIza-planted-secret-0123"


@pytest.mark.slow
@pytest.mark.parametrize("right", [True, False])
def test_a_key_is_found_nowhere(box: BlackBox, photos: Path, tmp_path: Path, right: bool) -> None:
    """In no file, log, output, traceback or process list: whether the API takes it, or refuses and repeats it."""
    box.key, box.faults, box.delay = PLANTED if right else "another", 1.0, 0.02
    moods = ["429", "500", "drop", "cut-json"]
    box.kinds = [*moods, *["none"] * 20]  # in this order; three requests have to be answered
    words = [*map(str, labelling(box, photos, tmp_path / "targets", "--rate", "1000", "--concurrency", "2"))]
    script = (
        "import logging, sys; logging.basicConfig(level=0, filename=sys.argv.pop(1));"
        "from joryu.cli import main; main(['--debug', *sys.argv[1:]])"
    )
    command = [sys.executable, "-X", "dev", "-W", "ignore", "-c", script, str(tmp_path / "log"), *words]
    seen: list[bytes] = []
    environment = {"GOOGLE_API_KEY": PLANTED, "PATH": "/usr/bin", "PYTHONPATH": ":".join(filter(None, sys.path))}
    environment |= {"HOME": str(tmp_path), "JORYU_CACHE": str(tmp_path / "cache")}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path
    ) as running:
        listing = threading.Thread(
            target=lambda: seen.extend(path.read_bytes() for path in Path("/proc").glob(f"{running.pid}/cmdline"))
        )
        listing.start()
        out, err = running.communicate(timeout=120)
        listing.join()
    assert (b"no such key: [key]" in err) is not right, err[-2000:]
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.name == "ledger.sqlite" for path in files) and (tmp_path / "log").stat().st_size > 0
    told = [out, err, *seen, *(path.read_bytes() for path in files)]
    assert not [one for one in told if PLANTED.encode() in one]
    if right:
        assert set(moods) <= set(box.statuses), "a fault that never happened is not tested"
        with Ledger.read(tmp_path / "targets.ledger") as ledger:
            assert ledger.n_answers() >= N - 2
        assert re.search(rb"\d+ answers in", out)
