"""A watched folder: each file once, when it has come to rest; what was done is never done again."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from joryu.errors import InputError
from joryu.serving import load
from joryu.serving.files import wanted_of
from joryu.serving.watching import Watch

Student = Callable[..., Path]
pytestmark = pytest.mark.usefixtures("spare_the_disk")


def names(watch: Watch) -> list[str]:
    return [one.wanted.place.as_posix() for one in watch.poll()]


def test_a_file_is_read_once_it_rests_and_not_again(pictures: Path, student: Student) -> None:
    predictor = load(student("classes"))
    watch = Watch(predictor, pictures)
    everything = [f"{at:02}.png" for at in range(12)]
    assert [names(watch) for _ in range(3)] == [[], everything, []]
    said = json.loads((pictures / "03.png.json").read_text())
    assert said["probabilities"] == predictor.predict(pictures / "03.png").top()
    assert [names(Watch(predictor, pictures)) for _ in range(2)] == [[], []]  # nor by the next process
    again = Watch(predictor, pictures)
    shutil.copy(pictures / "05.png", pictures / "03.png")
    assert [names(again) for _ in range(3)] == [[], ["03.png"], []]


def test_a_file_that_grows_is_waited_for(pictures: Path, student: Student) -> None:
    watch = Watch(load(student("classes")), pictures)
    list(watch.poll()), list(watch.poll())
    whole = (pictures / "00.png").read_bytes()
    growing = pictures / "new.png"
    found = []
    for length in (10, 20, 30, len(whole), len(whole)):
        growing.write_bytes(whole[:length])
        os.utime(growing, ns=(0, 0))  # by its size alone
        found.append(names(watch))
    assert found == [[], [], [], [], ["new.png"]]


def test_a_file_that_is_written_while_it_is_read_is_read_again(pictures: Path, student: Student) -> None:
    predictor = load(student("classes"), batch_size=1)
    watch = Watch(predictor, pictures)
    list(watch.poll())
    polled = watch.poll()
    assert next(polled).wanted.place.name == "00.png"
    shutil.copy(pictures / "05.png", pictures / "01.png")
    assert "01.png" not in {one.wanted.place.name for one in polled}
    assert not (pictures / "01.png.json").exists()
    assert [names(watch) for _ in range(2)] == [[], ["01.png"]]
    assert (
        json.loads((pictures / "01.png.json").read_text())["probabilities"]
        == predictor.predict(pictures / "05.png").top()
    )


def test_another_model_or_setting_asks_anew(pictures: Path, student: Student) -> None:
    def asked(run: Path, top: int | None = None, **settings: float) -> int:
        watch = Watch(load(run, **settings), pictures, top=top)
        return len([*watch.poll(), *watch.poll()])

    first, other = student("tags"), student("tags", seed=1)
    assert asked(first) == 12
    assert asked(first) == 0
    assert asked(first, top=1) == 12
    assert asked(first, top=1, threshold=0.25) == 12
    assert asked(other, top=1, threshold=0.25) == 12
    assert asked(other, top=1, threshold=0.25) == 0


def test_what_cannot_be_read_is_named_once_until_it_changes(pictures: Path, student: Student) -> None:
    predictor = load(student("classes"))
    (pictures / "broken.jpg").write_text("x")
    (pictures / "00.png.json").write_text('{"mine": 1}')
    (pictures / ".hidden.png").write_text("x")
    (pictures / "Thumbs.db").write_text("x")
    watch = Watch(predictor, pictures)

    def reasons() -> dict[str, str | None]:
        return {one.wanted.place.name: one.reason for one in watch.poll() if one.reason}

    assert "is no prediction, and is left alone" in (reasons()["00.png"] or "")
    assert reasons() == {"broken.jpg": "not a picture that can be read"}
    assert reasons() == {}
    assert json.loads((pictures / "00.png.json").read_text()) == {"mine": 1}
    shutil.copy(pictures / "01.png", pictures / "broken.jpg")
    assert [names(watch) for _ in range(2)] == [[], ["broken.jpg"]]


@pytest.mark.parametrize("kind", ["mask", "masks"])
@pytest.mark.parametrize("out", [None, ".", "masks", ".."])
def test_masks_are_not_predicted_again(out: str | None, kind: str, pictures: Path, student: Student) -> None:
    """Wherever they are: beside the pictures, in a folder among them, or in the one that theirs is in."""
    predictor, apart = load(student(kind)), None if out is None else pictures / out
    watch = Watch(predictor, pictures, out=apart)
    assert [len(names(watch)) for _ in range(4)] == [0, 12, 0, 0]
    beside = pictures / (out or ".")
    said = json.loads((beside / "00.png.json").read_text())["masks"]
    for name, mask in predictor.predict(pictures / "00.png").masks().items():
        with Image.open(beside / said[name]) as image:
            assert np.array_equal(np.asarray(image), mask)
    again = list(wanted_of([str(pictures)], io.BytesIO(), without=apart))
    assert [one.place.as_posix() for one in again] == [f"{at:02}.png" for at in range(12)]


def test_a_folder_that_goes_ends_it_in_one_line(tmp_path: Path, pictures: Path, student: Student) -> None:
    run = student("classes")
    with pytest.raises(InputError, match="cannot be watched"):
        Watch(load(run), tmp_path / "nowhere")
    polls = Watch(load(run), pictures).polls(rest=lambda _: shutil.rmtree(pictures))
    list(next(polls))
    with pytest.raises(InputError, match="has gone while it was watched"):
        list(next(polls))
    with pytest.raises(InputError, match="interval is not usable"):
        Watch(load(run), tmp_path, interval=0.0)


@pytest.mark.slow
def test_killed_it_goes_on_where_it_stopped(pictures: Path, student: Student) -> None:
    """kill -9, then Ctrl-C; each time the next start answers only about what came meanwhile."""
    words = [sys.executable, "-m", "joryu", "predict", str(student("classes"))]
    words += ["--watch", str(pictures), "--interval", "0.1", "--json"]
    expected, known = {str(path) for path in pictures.glob("*.png")}, dict[Path, bytes]()
    for how in (signal.SIGKILL, signal.SIGINT, signal.SIGINT):
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            said = [json.loads(process.stdout.readline()) for _ in expected]
            if known:
                time.sleep(0.3)  # for the rest, of which it must say nothing
            process.send_signal(how)
            rest, talk = process.communicate(timeout=60)
        assert process.returncode == (130 if how is signal.SIGINT else -how)
        assert ("run the same command again to go on" in talk) == (how is signal.SIGINT)
        assert (rest, {one["file"] for one in said}) == ("", expected)
        assert all(one["class"] for one in said)
        assert {path: path.read_bytes() for path in known} == known
        known = {path: path.read_bytes() for path in pictures.glob("*.json")}
        late = pictures / f"late-{len(known)}.png"
        shutil.copy(pictures / "00.png", late)
        expected = {str(late)}
    assert len(known) == 12 + 2
