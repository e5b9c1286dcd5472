"""`command:…`: what a program is given and may answer; and that one which dies or errs is told in one clear line."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image
from tiny_program import write_program

from joryu.errors import InputError, JoryuError, MismatchError
from joryu.examples import Examples, load_examples
from joryu.examples.views import parse_views
from joryu.questions import Question
from joryu.targets import SoftTargets
from joryu.teachers import TeacherBatch, find_teacher, load_teacher
from joryu.teachers.foreign.command import require_typed, spec_of
from joryu.teachers.foreign.program import Program
from joryu.teachers.labelling import LabelOptions, label_examples
from joryu.teachers.spec import describe_inputs

ABC = ("ant", "bee", "cat")
START = "import json, os, sys\nfor at, line in enumerate(sys.stdin):\n    file = line.strip()\n    "
SAY = "print(json.dumps({'file': file, "


def pictures(n: int = 6, question: Question | None = None) -> Examples:
    dice = torch.Generator().manual_seed(0)
    inputs = torch.randint(0, 256, (n, 1, 8, 8), dtype=torch.uint8, generator=dice)
    return Examples.of(inputs, classes=ABC) if question is None else Examples.of(inputs, question=question)


def program(folder: Path, body: str, options: str = "") -> str:
    script = folder / "answers.py"
    script.write_text(START + body)
    return f"command:{sys.executable} {script}{options}"


def answers(spec: str, examples: Examples) -> SoftTargets:
    teacher, known = find_teacher(spec, examples)
    return teacher.answer(TeacherBatch.of(known)).whole(len(known))


def test_answers_are_lists_or_objects_by_name(tmp_path: Path) -> None:
    expected = torch.tensor([0.2, 0.7, 0.1]).expand(6, 3)
    for said in ("[0.2, 0.7, 0.1]", "{'cat': 0.1, 'ant': 0.2, 'bee': 0.7}"):
        spec = program(tmp_path, f"{SAY}'probs': {said}}}))")
        assert torch.allclose(answers(spec, pictures()).probs(), expected, atol=1e-6)
    numbers = pictures(question=Question.numbers(["price"]))
    spec = program(tmp_path, f"{SAY}'numbers': [at / 2]}}))")
    assert answers(spec, numbers).numbers().flatten().tolist() == [0, 0.5, 1, 1.5, 2, 2.5]
    tags = program(tmp_path, f"{SAY}'probs': [0.9, 0.8]}}))", ",link=sigmoid,labels=" + str(tmp_path / "names.txt"))
    (tmp_path / "names.txt").write_text("red\nround\n")
    unasked = Examples.of(pictures().inputs)
    teacher, known = find_teacher(tags, unasked)
    assert teacher.question == Question.tags(["red", "round"])
    assert torch.allclose(teacher.answer(TeacherBatch.of(known)).whole(6).probs()[0], torch.tensor([0.9, 0.8]))


def test_an_order_of_its_own_is_turned_into_that_of_the_examples(tmp_path: Path) -> None:
    spec = program(tmp_path, f"{SAY}'probs': [0.2, 0.7, 0.1]}}))")
    teacher, known = find_teacher(spec, pictures(), order=("cat", "ant", "bee"))
    assert teacher.question.names == ABC
    found = teacher.answer(TeacherBatch.of(known)).whole(6).probs()[0]
    assert torch.allclose(found, torch.tensor([0.7, 0.1, 0.2]))
    (tmp_path / "names.txt").write_text("ant\nbee\ncow\n")
    with pytest.raises(MismatchError, match="the teacher's are others"):
        find_teacher(f"{spec},labels={tmp_path / 'names.txt'}", pictures())
    with pytest.raises(MismatchError, match=re.escape("(expected softmax; received sigmoid)")):
        find_teacher(f"{spec},link=sigmoid", pictures())


def test_it_reads_original_files_or_png_or_npy(tmp_path: Path) -> None:
    (tmp_path / "set" / "ant").mkdir(parents=True)
    for at in range(2):
        Image.new("RGB", (30 + at, 20), (at, 2, 3)).save(tmp_path / "set" / "ant" / f"{at}.jpg")
    files = load_examples(f"folder:{tmp_path / 'set'}", size=8)
    (tmp_path / "names.txt").write_text("width\nheight\njpeg\n")
    look = "from PIL import Image; one = Image.open(file); "
    options = f",link=identity,labels={tmp_path / 'names.txt'}"
    spec = program(tmp_path, f"{look}{SAY}'numbers': [*one.size, file.endswith('.jpg') + 0]}}))", options)
    teacher, _ = find_teacher(spec, Examples.of(files.inputs))
    whole = teacher.answer(TeacherBatch.of(files)).whole(2).numbers()
    assert sorted(whole.tolist()) == [[30, 20, 1], [31, 20, 1]]
    assert describe_inputs(spec, files) == "the program reads copies of the original files; views as PNG files"
    rows, seeds = torch.tensor([0, 1]), torch.tensor([1, 1])
    views = parse_views("shift:1").apply(files, rows, seeds).inputs
    seen = teacher.answer(TeacherBatch.of(files, rows, seeds=seeds, inputs=views)).whole(2).numbers()
    assert seen.tolist() == [[8, 8, 0], [8, 8, 0]]
    table = Examples.of(torch.tensor([[1.5, 2.0, 4.0]]), question=Question.numbers(3))
    rows_too = program(tmp_path, f"import numpy; {SAY}'numbers': numpy.load(file).tolist()}}))")
    assert answers(rows_too, table).numbers().tolist() == [[1.5, 2.0, 4.0]]
    assert "NumPy (.npy) files of float32 [B, 3]" in str(describe_inputs(rows_too, table))


@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        (f"{SAY[:-1]} 'probs': [1]}}))", MismatchError, "probs of"),
        ("print(json.dumps({'file': 'x', 'probs': [1]}))", MismatchError, "in another order than it was asked"),
        ("print('loading the model')", InputError, "let it print all else to stderr"),
        ("print('[1, 2]')", InputError, "does not say of which file it is"),
        (f"{SAY}'scores': [1]}}))", InputError, "(expected probs or logits; received file, scores)"),
        (f"{SAY}'probs': {{'ant': 1, 'bee': 0, 'cow': 0}}}}))", MismatchError, "a difference in cat"),
        (f"{SAY}'probs': ['a', 'b', 'c']}}))", InputError, "are no numbers"),
        (f"{SAY}'probs': [2, 3, 4]}}))", InputError, "let the program write what they are"),
        (f"{SAY}'probs' if at else 'logits': [0, 1, 0]}}))", InputError, "answers in several kinds"),
        ("sys.exit('no licence')", JoryuError, "code 1 (expected 6 answers; received 0 of them); it said: no licence"),
        ("os.kill(os.getpid(), 9)", JoryuError, "the program ended by signal 9"),
        (f"at == 3 or {SAY}'probs': [0, 1, 0]}}))", JoryuError, "in another order than it was asked"),
    ],
)  # fmt: skip
def test_a_program_that_dies_or_errs_is_told_in_one_line(
    body: str, kind: type[JoryuError], said: str, tmp_path: Path
) -> None:
    with pytest.raises(kind, match=re.escape(said)) as error:
        answers(program(tmp_path, body, ",seconds=20"), pictures())
    assert "\n" not in str(error.value)


def test_a_program_that_says_nothing_is_given_up(tmp_path: Path) -> None:
    with pytest.raises(JoryuError, match=r"silent for 1 seconds .* received 0 of 6.*flush"):
        answers(program(tmp_path, "pass", ",seconds=1"), pictures())


def test_one_bad_file_costs_one_answer(tmp_path: Path) -> None:
    examples = pictures(12)
    means = examples.inputs.float().mean((1, 2, 3))
    worst = f"{float(means.max()) - 1e-3}"
    look = "from PIL import Image, ImageStat; mean = ImageStat.Stat(Image.open(file)).mean[0]; "
    dies = program(
        tmp_path, f"{look}mean > {worst} and sys.exit('cannot'); {SAY}'probs': [0.5, mean / 512, 0.5 - mean / 512]}}))"
    )
    teacher, known = find_teacher(dies, examples)
    store = label_examples(teacher, known, tmp_path / "targets", options=LabelOptions())
    (failure,) = store.failures()
    assert len(store) == 11 and "ended with code 1" in failure.reason and "it said: cannot" in failure.reason
    tells = program(
        tmp_path, f"{look}{SAY}**({{'error': 'too bright'}} if mean > {worst} else {{'logits': [mean, 0, 1]}})}}))"
    )
    teacher, known = find_teacher(tells, examples)
    reply = teacher.answer(TeacherBatch.of(known))
    assert dict(reply.failures) == {int(means.argmax()): "too bright"}
    assert len(reply.answered(12)) == 11


def test_much_to_read_and_much_to_say_do_not_wait_for_each_other() -> None:
    talker = "import sys\nfor line in sys.stdin: print(line.strip() * 40); print('so' * 40, file=sys.stderr)"
    program = Program([sys.executable, "-c", talker], patience=60)
    lines = [f"{at:05d}" * 10 for at in range(4000)]
    assert list(program.ask(lines)) == [line * 40 for line in lines]
    assert list(program.ask(["again"])) == ["again" * 40]
    program.close()


def test_what_changes_the_answers_changes_the_fingerprint(tmp_path: Path) -> None:
    def fingerprint(scale: int, classes: tuple[str, ...] = ABC) -> str:
        spec = f"command:{sys.executable} {write_program(tmp_path / 'a.py', scale=scale)}"
        return find_teacher(spec, Examples.of(pictures().inputs, classes=classes))[0].fingerprint

    assert fingerprint(1) == fingerprint(1)
    assert len({fingerprint(1), fingerprint(2), fingerprint(1, ("bee", "ant", "cat"))}) == 3


def test_what_cannot_be_run_is_refused(tmp_path: Path) -> None:
    for spec, said in {
        "command:/nowhere/program": "cannot be started (expected a program; received No such file",
        "command:'half": "cannot be read (expected a program and its arguments; received No closing quotation)",
        "command:cat,link=tanh": "link is not usable",
        "command:cat,seconds=0": "seconds above 0",
        "command:cat,link=sigmoid,link=softmax": "says an option twice",
    }.items():
        with pytest.raises(InputError, match=re.escape(said)):
            answers(spec, pictures())
    with pytest.raises(InputError, match="does not know what it is asked"):
        find_teacher("command:cat", Examples.of(pictures().inputs))
    with pytest.raises(InputError, match="not about each pixel"):
        grid = Question.tags(["leaf"], grid=("height", "width"))
        find_teacher("command:cat", Examples.of(pictures().inputs, question=grid))
    with pytest.raises(InputError, match="it is a program that reads files"):
        load_teacher("command:cat")
    assert spec_of("cat 'a b'").words == ("cat", "a b")


def test_no_program_runs_because_a_store_names_it() -> None:
    with pytest.raises(InputError, match="nothing is run because a file says so"):
        require_typed("command:cat")
    require_typed("run:teacher")
