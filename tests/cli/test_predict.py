"""``joryu predict`` as its user types it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from joryu.cli import main
from joryu.evaluation import predict_logits
from joryu.examples import load_examples
from joryu.students import load_student


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Digits as PNG files in class folders, and a run that learned from them."""
    root = tmp_path_factory.mktemp("digits")
    for split, count in (("train", 600), ("test", 100)):
        examples = load_examples("digits", split=split)
        for at in range(count):
            place = root / "set" / split / str(int(examples.labels[at])) / f"{at:03}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(examples.inputs[at, 0].numpy().copy()).save(place)
    command = f"train --network mlp:32x1 --examples folder:{root}/set --epochs 20 --batch-size 32 --out {root}/run"
    with pytest.raises(SystemExit) as stopped:
        main([*command.split(), "--learning-rate", "0.01"])
    assert stopped.value.code == 0
    return root


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Exit code, stdout and stderr of one command."""

    def ask(*words: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stopped:
            main([str(word) for word in words])
        return (int(stopped.value.code or 0), *capsys.readouterr())

    return ask


Run = Callable[..., tuple[int, str, str]]


def test_the_classes_of_a_folder_are_those_that_evaluation_counts(digits: Path, run: Run) -> None:
    code, out, err = run("predict", digits / "run", digits / "set" / "test", "--json")
    assert (code, err) == (0, "")
    said = [json.loads(line) for line in out.splitlines()]
    assert len(said) == 100
    right = sum(one["class"] == Path(one["file"]).parent.name for one in said)
    assert right > 70
    examples = load_examples(f"folder:{digits / 'set'}", split="test")
    logits = predict_logits(load_student(digits / "run")[0], examples)
    assert right == int((logits.argmax(1) == examples.labels).sum())
    probs = examples.asked_question.link.probs(logits)
    assert [one["probability"] for one in said] == probs.max(1).values.tolist()  # to the bit


def test_a_table_for_people(digits: Path, tmp_path: Path, run: Run) -> None:
    picture = next((digits / "set" / "test" / "3").iterdir())
    (tmp_path / "a\nb.png").write_bytes(picture.read_bytes())
    (tmp_path / "broken.png").write_bytes(b"x")
    (tmp_path / "._a.png").write_bytes(b"x")
    code, out, err = run("predict", digits / "run", tmp_path)
    head, line = out.splitlines()
    assert code == 0
    assert head.split() == ["file", "class", "probability"]
    assert line.startswith(f"{tmp_path}/a�b.png  ")
    assert err.splitlines() == [
        f"left out {tmp_path}/broken.png: not a picture that can be read",
        "left out 1 file or folder left behind by an operating system or a program",
    ]
    code, out, _ = run("predict", digits / "run", picture, "--top", 3)
    assert out.splitlines()[1].count(", ") == 2


def test_names_come_on_stdin(digits: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = sorted((digits / "set" / "test" / "3").iterdir())[:3]
    lines = "\r\n\n".join([str(pictures[0]), "nowhere.png", str(pictures[1])]).encode()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(lines)))
    code, out, err = run("predict", digits / "run", "-", pictures[2], "--json", "--top", 1)
    said = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [one["file"] for one in said] == [str(pictures[0]), "nowhere.png", str(pictures[1]), str(pictures[2])]
    assert [len(one.get("probabilities", {})) for one in said] == [1, 0, 1, 1]
    assert said[1]["error"] == "cannot be opened: No such file or directory"
    assert err == "left out nowhere.png: cannot be opened: No such file or directory\n"


def test_answers_are_written_into_a_folder(digits: Path, tmp_path: Path, run: Run) -> None:
    picture = next((digits / "set" / "test" / "3").iterdir())
    code, out, _ = run("predict", digits / "run", digits / "set" / "test", picture, "--out", tmp_path, "--json")
    assert code == 0
    name = f"3/{picture.name}.json"
    assert len(list(tmp_path.glob("*/*.json"))) == 100
    assert len(list(tmp_path.glob("*.json"))) == 1
    said = json.loads((tmp_path / name).read_text())
    [line] = [line for line in map(json.loads, out.splitlines()[:100]) if line["file"] == str(picture)]
    assert line.items() <= said.items()
    code, out, _ = run("predict", digits / "run", tmp_path, "--json")  # only answers: nothing beside them
    assert code == 2


def test_answers_in_bf16_are_asked_for_by_name(digits: Path, tmp_path: Path, run: Run) -> None:
    """The same classes, probabilities a little off; and they are not taken for those of float32."""
    found = {}
    for precision in ("32-true", "bf16-mixed"):
        words = ("predict", digits / "run", digits / "set" / "test", "--json", "--precision", precision)
        code, out, _ = run(*words, "--out", tmp_path / precision)
        assert code == 0
        found[precision] = {said["file"]: said for said in map(json.loads, out.splitlines())}
    assert found["32-true"].keys() == found["bf16-mixed"].keys()
    gaps = [
        abs(one["probability"] - found["bf16-mixed"][name]["probability"]) for name, one in found["32-true"].items()
    ]
    assert 0 < max(gaps) < 0.05
    for precision, said in (("32-true", None), ("bf16-mixed", "bf16-mixed")):
        first = next((tmp_path / precision).rglob("*.json"))
        assert json.loads(first.read_text())["settings"].get("precision") == said
    code, _, err = run("predict", digits / "run", digits / "set" / "test", "--precision", "auto")
    assert code == 2
    assert "--precision is not usable (expected 32-true, bf16-mixed; received 'auto')" in err


@pytest.mark.parametrize(
    ("content", "shown"), [(b"colour,size\nred,1\n", "colour,size"), (b"\x89PNG\r\n\x1a\n\x00", "\ufffdPNG")]
)
def test_what_is_no_list_of_names_is_refused(
    digits: Path, run: Run, monkeypatch: pytest.MonkeyPatch, content: bytes, shown: str
) -> None:
    """The rows of a table were looked for as files, one by one."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    code, out, err = run("predict", digits / "run", "-")
    assert (code, out) == (2, "")
    assert err == (
        f"joryu: stdin names no files (expected the name of a file on each line; received {shown}); try joryu predict"
        " RUN FILE, with these rows (or this picture) in FILE\n"
    )


def test_mistakes_are_one_line(digits: Path, tmp_path: Path, run: Run) -> None:
    student, test = digits / "run", digits / "set" / "test"
    (tmp_path / "empty").mkdir()
    (tmp_path / "x.txt").write_text("x")
    (tmp_path / "unfinished").mkdir()
    (tmp_path / "unfinished" / "run.json").write_text("{}")
    for words, said in (
        (
            (student,),
            "what is to be predicted? (expected files, folders or -, or else --watch FOLDER; received neither)",
        ),
        ((student, test, "--watch", test), "received both"),
        ((tmp_path / "nowhere", test), "nowhere is not a finished run"),
        ((tmp_path / "unfinished", test), "received an unfinished run); finish it with the command that began it"),
        ((student, tmp_path / "empty"), "there is nothing to predict (expected at least one file; received none)"),
        ((student, "nowhere.png"), "joryu: nowhere.png: cannot be opened: No such file or directory"),
        ((student, tmp_path), "none of 2 files can be used; "),
        ((student, tmp_path / "x.txt"), "x.txt: not a picture that can be read"),
        (
            (student, test, "--out", tmp_path / "x.txt"),
            "x.txt cannot be written (expected a folder; received File exists)",
        ),
        ((student, test, "--top", 0), "--top is not usable (expected an integer >= 1; received 0)"),
        ((student, test, "--threshold", 2), "--threshold is not usable (expected 0..1; received 2.0)"),
        ((student, test, "--threshold", 0.5), "--threshold means nothing here (expected a student of tags or masks; "),
        ((student, "--watch", tmp_path / "nowhere"), "nowhere cannot be watched (expected a folder)"),
        ((student, "--watch", test, "--interval", 0), "--interval is not usable (expected seconds > 0; received 0.0)"),
    ):
        code, out, err = run("predict", *words)
        assert (code, out) == (2, ""), words
        assert said in err, words
        assert err.count("\n") == 1, err


def test_a_table_learned_from_is_a_table_predicted(tmp_path: Path, run: Run) -> None:
    """Numbers, in the units of the labels; the target's own column may be there or not."""
    rng = np.random.default_rng(0)
    size, colour = rng.normal(50, 20, 200), rng.integers(0, 2, 200)
    price = 1000 + 30 * size + 400 * colour
    rows = [f"{a:.3f},{'red' if b else 'blue'},{c:.3f}" for a, b, c in zip(size, colour, price, strict=True)]
    (tmp_path / "train.csv").write_text("\n".join(["size,colour,price", *rows]))
    words = f"train --network mlp:32x1 --examples table:{tmp_path}/train.csv,target=price --epochs 60 --batch-size 16"
    assert run(*words.split(), "--out", tmp_path / "run", "--learning-rate", 0.01)[0] == 0
    (tmp_path / "new.csv").write_text("colour,size\nred,50\nblue,50\ngreen,50\n")
    code, out, err = run("predict", tmp_path / "run", tmp_path / "new.csv", "--json")
    said = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [one["row"] for one in said] == [2, 3, 4]
    assert [one["numbers"]["price"] for one in said[:2]] == pytest.approx([2900, 2500], abs=100)
    assert "1 row of no category it was fitted on ('green'): zeros stand for them" in err
    (tmp_path / "text.csv").write_text("colour,size\nred,large\n")
    code, out, err = run("predict", tmp_path / "run", tmp_path / "text.csv")
    assert (code, out) == (2, "")
    assert "text.csv: column 'size' holds numbers, and row 2 of text.csv something else (received 'large')" in err


def test_masks_learned_from_pairs_are_written_as_pictures(tmp_path: Path, run: Run) -> None:
    rng = np.random.default_rng(0)
    for at in range(40):
        mask = np.zeros((24, 24), np.uint8)
        top, left = rng.integers(2, 14, 2)
        mask[top : top + 8, left : left + 8] = 255
        picture = (rng.integers(0, 90, (24, 24)) + (mask > 0) * 120).astype(np.uint8)
        for folder, pixels in (("images", picture), ("masks", mask)):
            (tmp_path / "set" / folder).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(tmp_path / "set" / folder / f"{at:02}.png")
    words = f"train --network unet:4x2 --examples pairs:{tmp_path}/set --epochs 10 --batch-size 8 --learning-rate 0.01"
    assert run(*words.split(), "--out", tmp_path / "run")[0] == 0
    code, out, _ = run("predict", tmp_path / "run", tmp_path / "set" / "images", "--out", tmp_path / "out")
    assert code == 0
    assert out.splitlines()[0].split() == ["file", "foreground"]
    overlaps = []
    for path in sorted((tmp_path / "set" / "masks").iterdir()):
        with Image.open(path) as true, Image.open(tmp_path / "out" / f"{path.name}.mask.png") as said:
            a, b = np.asarray(true) > 0, np.asarray(said) > 0
        overlaps.append((a & b).sum() / (a | b).sum())
    assert np.mean(overlaps) > 0.6
