"""The driver: ratios, verdicts, and what is said of those who do not take part."""

import json
from types import SimpleNamespace

import benchmarks.__main__
import pytest
import torch
from benchmarks.__main__ import documents
from benchmarks.contenders import torch_parts
from benchmarks.contenders.work import Work
from benchmarks.entrants import (
    ASKING,
    BARE,
    CLOSE,
    ENTRANTS,
    LABELLING,
    OURS,
    PEERS,
    ROOT,
    TEACHER,
    Entrant,
    MissingError,
    Started,
)
from benchmarks.epoch import claims, close_look, limit, lines, measure, other_work, row, works
from benchmarks.limit import greatest_gain, reached
from benchmarks.results import markdown
from benchmarks.side_by_side import Timing
from torch.utils.data import default_collate

from benchmarks import arithmetic

WORK = Work("mlp", 512)
TIMINGS = [
    Timing(BARE, (1.0, 2.0, 1.0), (1.0, 1.0, 1.0)),
    Timing(OURS, (1.25, 2.0, 1.1), (1.0, 1.0, 1.0)),
    Timing("Keras Distiller, JAX", (5.0, 4.0, 3.3), (2.0, 4.0, 6.0)),
    Timing("Keras Distiller, TensorFlow", (2.5, 2.0, 2.2), (2.0, 2.0, 2.0)),
]


@pytest.fixture
def result():
    return {
        "work": "mlp",
        "title": "H1",
        **vars(WORK),
        "contenders": [row(timing, TIMINGS, WORK) | {"facts": {"variant": "jit"}} for timing in TIMINGS],
        "closely": None,
        "limit": None,
        "missing": [{"name": "torchdistill", "absent": True, "why": "No module named 'torchdistill'"}],
    }


def test_ratios_are_medians_of_pairs():
    numbers = row(TIMINGS[2], TIMINGS, WORK)
    assert numbers["median_seconds"] == 4.0
    assert numbers["times_bare"] == pytest.approx(3.3)  # 5, 2, 3.3
    assert numbers["times_ours"] == pytest.approx(3.0)  # 4, 2, 3
    assert numbers["times_ours_cpu"] == pytest.approx(4.0)  # 2, 4, 6
    assert numbers["milliseconds_per_step"] == 2000.0  # two steps of 256
    assert numbers["examples_per_second"] == 128.0


def test_what_a_cache_can_gain():
    assert greatest_gain(1, 9.0) == 1.0  # who asks once cannot ask less
    assert greatest_gain(10, 0.0) == 1.0
    assert greatest_gain(10**9, 4.0) == pytest.approx(5.0)  # the one labelling no longer counts
    assert greatest_gain(10, 4.0, reading=1.0) == pytest.approx(60 / 15)


#: one labelling of 4 s and ten epochs of 1 s, against ten of 5 s: the most that can be gained, and half of it
AT_THE_LIMIT = [
    Timing(BARE, (1.0, 2.0), (1.0, 1.0)),
    Timing(OURS, (1.0, 2.0), (2.0, 2.0)),
    Timing(TEACHER, (4.0, 8.0), (4.0, 4.0)),
    Timing(ASKING, (5.0, 10.0), (5.0, 5.0)),
    Timing(LABELLING, (4.0, 8.0), (8.0, 8.0)),
]


def test_the_share_of_the_limit_is_that_of_every_round():
    found = limit(AT_THE_LIMIT)
    assert found["rounds"] == 2
    assert found["teacher_times_student"] == 4.0
    assert found["limit"] == pytest.approx(50 / 14)
    assert found["gain"] == pytest.approx(50 / 14)
    assert found["share"] == pytest.approx(1.0)
    assert found["share_cpu"] == pytest.approx(0.5)
    assert limit(AT_THE_LIMIT[:-1]) is None  # nothing is said of it where one part was not measured


def test_what_is_claimed_is_the_step_and_the_share_of_the_limit(result):
    step, share = claims(result | {"limit": limit(AT_THE_LIMIT) | {"share": 0.94}})
    assert step["reached"] == pytest.approx(1.1)  # 1.25, 1, 1.1
    assert (step["met"], share["met"]) == (False, False)
    assert share["reached"] == 0.94
    assert claims(result | {"limit": limit(AT_THE_LIMIT)})[1]["met"]
    assert len(claims(result)) == 1  # of peers nothing is claimed
    assert not claims(result | {"work": "cnn", "limit": limit(AT_THE_LIMIT)})


def test_formula_r_and_e_stand_beside_the_share(result):
    said = list(lines(result | {"limit": limit(AT_THE_LIMIT)}))
    assert any("E = 10 epochs: 3.57 x faster" in line and "(R = 4.00): a share of 1.000" in line for line in said)
    assert said[-1] == "gained by asking once, as a share of the most that can be gained, at least 0.95: 1.000, met"


def test_the_published_share_is_that_of_its_seconds():
    (published,) = json.loads((ROOT / "docs" / "results" / "benchmarks.json").read_text())["epoch"]
    found = next(result for result in published["results"] if result["work"] == "mlp")["limit"]
    again = reached(found["seconds"], found["epochs"])
    assert again == {name: found[name] for name in again}


def test_pictures_with_transforms_give_the_answers_of_bytes():
    pytest.importorskip("torchvision")
    for network in ("mlp", "cnn"):
        work = Work(network, 8, batch=4, teachers=2)
        pictures = default_collate([torch_parts.Pictures(work)[row][0] for row in range(4)])
        plain = torch_parts.teacher(work)
        expected = plain(torch.from_numpy(work.pictures()[0][:4]))
        torch.testing.assert_close(torch_parts.take_scaled(plain)(pictures), expected, rtol=1e-4, atol=1e-4)


def test_the_absent_are_called_absent(result):
    assert "torchdistill                      absent: No module named 'torchdistill'" in list(lines(result))


def test_other_work_is_not_compared():
    running = {OURS: 0.8574, "alike": 0.8575, "other": 0.0238, BARE: None}
    found = other_work({name: SimpleNamespace(first_loss=loss) for name, loss in running.items()}, WORK)
    assert list(found) == ["other"]
    assert "its first loss is 0.0238, ours 0.8574" in str(found["other"])


def test_no_environment_is_absence(monkeypatch, tmp_path):
    monkeypatch.setenv(PEERS, str(tmp_path / "python"))
    with pytest.raises(MissingError, match="make bench-peers") as caught:
        Started(Entrant("peer", "keras_distiller", peer=True), WORK, device="cpu")
    assert caught.value.absent


@pytest.mark.parametrize(
    ("raised", "absent"), [("ModuleNotFoundError(\"No module named 'jax'\")", True), ("OSError('broken build')", False)]
)
def test_a_framework_that_is_not_there_is_absent_and_a_broken_one_failed(tmp_path, raised, absent):
    (tmp_path / "jax.py").write_text(f"raise {raised}\n")
    places = {"KERAS_BACKEND": "jax", "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    with pytest.raises(MissingError) as caught:
        Started(Entrant("peer", "keras_distiller", environment=places), WORK, device="cpu")
    assert caught.value.absent is absent
    assert ("No module named 'jax'" if absent else "exit code 1: RuntimeError: none of jit") in str(caught.value)


def test_works_come_in_whole_batches():
    rows = {name: work.rows for name, work in works(["mlp", "mlp-ensemble", "cnn"], ["float32"], 60_000, 2)}
    assert rows == {"mlp": 59_904, "mlp-ensemble": 15_104, "cnn": 2_048}


@pytest.mark.slow
def test_ours_and_the_bare_student_take_turns():
    entrants = [entrant for entrant in ENTRANTS if entrant.name in CLOSE.values()]
    found = measure("mlp", WORK, entrants, repeats=2, device="cpu", closely=3)
    assert [contender["name"] for contender in found["contenders"]] == [BARE, OURS, TEACHER, ASKING, LABELLING]
    assert all(len(contender["seconds"]) == 2 for contender in found["contenders"])
    assert found["contenders"][1]["facts"]["labelling_seconds"] > 0
    assert not found["missing"]
    assert {len(seconds) for seconds in found["closely"]["seconds"].values()} == {3}
    assert found["limit"]["rounds"] == 3
    assert found["limit"]["share"] == pytest.approx(found["limit"]["gain"] / found["limit"]["limit"])


def test_a_close_look_decides_about_the_limit(result):
    pair = [Timing(BARE, (1.0, 1.0, 2.0), (1.0, 1.0, 1.0)), Timing(OURS, (1.02, 1.5, 2.06), (1.0, 1.1, 1.2))]
    result["closely"] = close_look(pair)
    assert result["closely"]["times_bare"] == pytest.approx(1.03)
    assert result["closely"]["times_bare_cpu"] == pytest.approx(1.1)
    limit = claims(result)[0]
    assert limit["reached"] == pytest.approx(1.03)
    assert limit["met"]
    assert any("3 more rounds: 1.030 x bare in the median" in line for line in lines(result))
    assert close_look(pair[:1]) is None


def test_documents_of_a_stream():
    assert documents('{"machine": {}, "a": 1}\n{\n"b": 2}\n') == [{"a": 1}, {"b": 2}]
    assert documents("") == []


def test_the_page_holds_every_contender(result):
    machine = dict.fromkeys(("cpu", "cores", "accelerator", "system", "python", "torch"), "?")
    page = markdown({"machine": machine, "command": "x", "minutes": 1.0, "epoch": [{"results": [result]}]})
    assert "| Keras Distiller, JAX | 4.000 | 128 | 3.30 | 3.00 | 4.00 | jit |" in page
    assert "- torchdistill: absent (No module named 'torchdistill')" in page


def test_without_names_every_benchmark_is_run_and_a_strange_name_is_refused(monkeypatch, capsys):
    modules = []

    def run(command, **_):
        modules.append(command[2])
        return SimpleNamespace(returncode=0, stdout="")

    monkeypatch.setattr(benchmarks.__main__.subprocess, "run", run)
    assert benchmarks.__main__.main([]) == 0
    assert modules == [f"benchmarks.{name}" for name in ("epoch", "labelling", "store", "command_line")]
    with pytest.raises(SystemExit):
        benchmarks.__main__.main(["epochs"])
    assert "unknown benchmark epochs (there are epoch, labelling" in capsys.readouterr().err


def test_the_arithmetic_is_that_of_the_step():
    work = Work("mlp", 512, batch=4)
    products = list(arithmetic.step_of_student(work))
    shapes = [(784, 800), (800, 800), (800, 10)]
    forward = sum(2 * 4 * before * after for before, after in shapes)
    assert arithmetic.operations(products) == 3 * forward - 2 * 4 * 784 * 800  # no gradient for the pictures
    assert arithmetic.operations(list(arithmetic.answers_of_teacher(work))) == 2 * 4 * (
        784 * 1200 + 1200 * 1200 + 1200 * 10
    )
    arithmetic.multiply(products, times=1)
    for left, right, out in products:
        torch.testing.assert_close(out, left @ right)
