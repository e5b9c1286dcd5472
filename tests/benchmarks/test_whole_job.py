"""The whole job: the same networks for all, other work thrown out, and ours beside a plain loop at a tiny size."""

from dataclasses import replace

import numpy as np
import pytest
import results_page
import torch
from benchmarks.contenders import job_parts
from benchmarks.contenders.job import STUDENT, TEACHER, Job, Network, load_weights, save_weights
from benchmarks.entrants import PEERS, MissingError
from benchmarks.jobs import BARE, ENTRANTS, OURS, Place, beginner, check, finish, plan, teach
from benchmarks.photographs import Making, make
from benchmarks.whole_job import Size, main, measure, result_of, settings
from benchmarks.whole_job_page import lines, markdown
from PIL import Image

from joryu.examples import Examples
from joryu.objectives import HardLabels
from joryu.students import Blueprint
from joryu.training import Recipe, Run, TrainingData, train

TINY = Size(Making(photographs=24, sides=(24, 48)), Network(4, 3, 16), Network(2, 2, 12), 2, 12, 6, 0.1)
JOB = Job("", "", Network(4, 3, 16), Network(2, 2, 12), ("a", "b"), (0.5,) * 3, (0.2,) * 3, rows=24)
COSTS = {"student_ms": 2.0, "teacher_ms": 8.0, "reading_ms": 2.0}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Two classes that differ by their colour."""
    folder = tmp_path_factory.mktemp("job")
    rng = np.random.default_rng(0)
    for name, colour in (("green", (40, 160, 40)), ("red", (160, 40, 40))):
        (folder / "leaves" / name).mkdir(parents=True)
        for number in range(15):
            noisy = np.array(colour) + rng.integers(-40, 40, (20, 20, 3))
            Image.fromarray(noisy.astype(np.uint8)).save(folder / "leaves" / name / f"{number}.png")
    found = Place(folder / "leaves", folder / "work")
    make(found.originals, found.photographs, TINY.making)
    teach(found, TINY.teacher, epochs=TINY.teacher_epochs, batch=TINY.batch, validation=TINY.validation)
    return found


@pytest.mark.parametrize("shape", [Network(4, 3, 16), Network(2, 6, 12), Network(3, 1, 3)])
def test_the_plain_network_is_joryus(tmp_path, shape):
    job = replace(JOB, folder=str(tmp_path), student=shape)
    ours = beginner(job).eval()
    save_weights(job.place(STUDENT), job_parts.arrays(ours))
    plain = job_parts.network(job, shape).eval()
    job_parts.fill(plain, load_weights(job.place(STUDENT)))
    pictures = torch.randint(0, 256, (2, 3, shape.side, shape.side), dtype=torch.uint8)
    torch.testing.assert_close(plain((pictures / 255 - 0.5) / 0.2), ours(pictures), rtol=1e-4, atol=1e-5)


def test_a_job_survives_the_disk(tmp_path):
    JOB.write(tmp_path / "job.json")
    assert Job.read(tmp_path / "job.json") == JOB
    assert replace(JOB, rows=101, batch=50, epochs=2).steps == 6  # the last batch of an epoch is a small one


def test_peers_begin_with_the_weights_that_a_training_of_the_seed_begins_with(tmp_path):
    job = replace(JOB, seed=7)
    examples = Examples.of(torch.randint(0, 256, (4, 3, 12, 12), dtype=torch.uint8), torch.arange(4) % 2, classes="ab")
    plan = Blueprint.fitted(job.student.architecture, examples.inputs, examples.question)
    recipe = Recipe(epochs=1, batch_size=4, learning_rate=1e-12, precision="32-true", seed=7)
    trained = train(plan, TrainingData(examples), objective=HardLabels(), recipe=recipe, run=Run(tmp_path / "run"))
    first, begun = (job_parts.arrays(module)[0] for module in (trained.module, beginner(job)))
    np.testing.assert_allclose(first, begun, atol=1e-9)
    assert not np.allclose(begun, job_parts.arrays(beginner(replace(job, seed=8)))[0])


def test_ours_is_compared_seed_by_seed_and_the_limit_counts_reading():
    rows = [
        {"name": name, "seed": seed, "seconds": seconds, "cpu_seconds": 1.0, "peak_mib": 100.0 + seed, "accuracy": 0.9}
        for name, times in ((OURS, (10.0, 20.0, 10.0)), (BARE, (40.0, 60.0, 20.0)), ("Keras", (90.0, 90.0, 90.0)))
        for seed, seconds in enumerate(times)
    ]
    missing = {"torchdistill": MissingError("no Python in .venv-bench", absent=True)}
    result = result_of(JOB, COSTS, rows, missing)
    assert result["teacher_times_student"] == 4.0
    assert result["limit_of_asking"] == pytest.approx(10 * 5 / 14)
    assert result["limit"] == pytest.approx(10 * 6 / 15)
    assert [job["times_ours"] for job in result["jobs"] if job["name"] == BARE] == [4.0, 3.0, 2.0]
    machine = dict.fromkeys(("cpu", "cores", "system", "python", "torch"), "?")
    page = markdown({"machine": machine, "command": "x", **result})
    assert "(R = 4.00)" in page
    assert "ours gains 3.00 × over plain PyTorch, a share of 0.750." in page  # 3 of 4
    assert "above 1" not in page
    halved = [row | {"seconds": row["seconds"] / (2 if row["name"] == OURS else 1)} for row in rows]
    fast = result_of(JOB, COSTS, halved, {})
    assert "a share of 1.500 (above 1, as the limit takes" in markdown({"machine": machine, "command": "x", **fast})
    assert f"| {BARE} | 40.0 | 1.0 | 102 | 90.00 ± 0.00 | 3.00 |" in page
    assert "- torchdistill: absent (no Python in .venv-bench)" in page
    assert any(line.split() == ["Keras", "90.0", "1.0", "102", "90.00", "±", "0.00", "9.00"] for line in lines(result))


def test_the_page_of_results_tells_of_it_once_it_is_published(monkeypatch):
    published = results_page._read("benchmarks.json")
    rows = [
        {"name": name, "seed": 0, "seconds": took, "accuracy": 0.95} for name, took in ((OURS, 60.0), (BARE, 210.0))
    ]
    for job, paragraph in ((result_of(JOB, COSTS, rows, {}), True), ({}, False)):
        found = {"benchmarks.json": published, "whole-job.json": job}
        monkeypatch.setattr(results_page, "_read", found.__getitem__)
        page = " ".join(results_page.results_page().split())
        assert ("whole-job.md" in page) is paragraph
        assert ("Ours takes 60 s, and its students know 95.0 %" in page) is paragraph
        assert (f"{BARE} takes 3.5 times as long (95.0 %). The teacher costs 4.0 of" in page) is paragraph


@pytest.mark.slow
def test_ours_and_a_plain_loop_do_the_whole_job(place, monkeypatch):
    pytest.importorskip("torchvision", reason="the plain loop reads photographs with torchvision")
    monkeypatch.setenv(PEERS, str(place.folder / "no" / "python"))
    names = [OURS, BARE, "torchdistill"]
    result = measure(place, TINY, names=names, seeds=1, precision="float32", threads=1)
    ours, plain = result["jobs"]
    assert (ours["name"], plain["name"]) == (OURS, BARE)
    assert ours["pictures"] == plain["pictures"] == 6  # a fifth of fifteen, of each class
    assert all(0 <= job["accuracy"] <= 1 and job["seconds"] > 0 for job in result["jobs"])
    assert ours["facts"]["label_seconds"] + ours["facts"]["distill_seconds"] == pytest.approx(ours["seconds"])
    assert plain["times_ours"] == plain["seconds"] / ours["seconds"]
    assert [(one["name"].split(",")[0], one["absent"]) for one in result["missing"]] == [("torchdistill", True)]
    job = Job.read(place.folder / "seed-0" / "job.json")
    assert finish(entrant(BARE), job, {}, validation=0.1)["seconds"] == plain["seconds"]  # what is finished is kept
    other = replace(job, photographs="nowhere")
    other.write(job.place("job.json"))
    with pytest.raises(MissingError, match="exit code"):  # nothing is kept of another job
        finish(entrant(BARE), other, {}, validation=0.1)


def entrant(name):
    return next(found for found in ENTRANTS if found.name == name)


@pytest.mark.slow
def test_other_work_is_thrown_out(place):
    job = settings(place, TINY, precision="float32", threads=1, seed=1)
    job = plan(place, job)
    weights = load_weights(job.place(TEACHER))
    save_weights(job.place(TEACHER), [*weights[:-1], weights[-1] + 0.1])
    with pytest.raises(MissingError, match=r"does other work: its teacher is 0\.1000 from ours"):
        check(entrant(BARE), job)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "there are no photographs (expected --originals"),
        (["--originals", "no"], "at no"),
        (["--originals", "no", "--seeds", "0"], "there is nothing to do"),
        (["--originals", "no", "--only", "karas"], "no contender is called so (expected a word of Joryu, PyTorch"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(monkeypatch, capsys, words, said):
    monkeypatch.delenv("JORYU_DATA", raising=False)
    with pytest.raises(SystemExit):
        main(words)
    assert said in capsys.readouterr().err
