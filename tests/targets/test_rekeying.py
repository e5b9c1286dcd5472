"""Stores kept by pixels: never asked again in silence, given new keys by a command, whole or not at all."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from picture_files import noise, save, write_files

from joryu.cli import main
from joryu.errors import InputError, MismatchError
from joryu.examples import Examples, load_examples, parse_views
from joryu.targets import Store
from joryu.targets.rekeying import NEW, OLD, finish, rekey
from joryu.teachers import Network
from joryu.teachers.labelling import LabelOptions, LabelOrigin, label_examples

N = 12


@pytest.fixture
def spec(tmp_path: Path) -> str:
    files = {f"{'ab'[at % 2]}/{at:02}.png": save(noise(16, 16, seed=at), "PNG") for at in range(N)}
    files["a/00.bmp"] = save(noise(16, 16, seed=0), "BMP")  # the same pixels in another file
    return f"folder:{write_files(tmp_path / 'set', files)}"


def a_teacher(examples: Examples) -> Network:
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.LazyLinear(len(examples.classes)))

    class Floats(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = module

        def forward(self, pictures: torch.Tensor) -> torch.Tensor:
            answers: torch.Tensor = self.inner(pictures.float() / 255)
            return answers

    floats = Floats()
    floats(examples.inputs[:1])
    return Network(floats.eval(), examples.classes)


def an_old_store(spec: str, place: Path, *, n_views: int = 0, size: int | None = 8) -> Store:
    """What an older Joryu would have written: schema 1, keys of pixels."""
    examples = load_examples(spec, size=size).by_pixels()
    options = LabelOptions(origin=LabelOrigin(teacher="module:x:y", examples=spec, split="train", size=size))
    views = parse_views("flip") if n_views else None
    label_examples(a_teacher(examples), examples, place, views=views, n_views=n_views, options=options)
    path = place / "manifest.json"
    content = json.loads(path.read_text())
    question = content.pop("question")
    for name in ("keys", "former", "strangers"):
        content.pop(name)
    content["examples"].pop("shape")
    form = content["form"] | {"kind": "one-of-many"}
    path.write_text(json.dumps(content | {"schema_version": 1, "classes": question["names"], "form": form}))
    store = Store.open(place)
    assert store.manifest.keys == "pixels"
    return store


def answers(store: Store, examples: Examples) -> torch.Tensor:
    return store.gather(store.rows(examples.ids, 0)).values


def test_the_answers_are_the_same_under_new_keys(spec: str, tmp_path: Path) -> None:
    old = an_old_store(spec, tmp_path / "targets")
    small = load_examples(spec, size=8)
    before = answers(old, small.by_pixels())
    done = rekey(old, small)
    assert (done.moved, done.left) == (N + 1, 0)  # one for each file
    assert done.store.path == tmp_path / "targets"
    assert torch.equal(answers(done.store, small), before)
    large = load_examples(spec)
    assert torch.equal(answers(done.store, large), before)  # now at every size
    done.store.require_about(large)
    assert done.store.manifest.keys == "bytes"
    assert done.store.manifest.teacher == old.manifest.teacher
    assert done.store.manifest.cost == old.manifest.cost
    assert done.store.manifest.examples.fingerprint == large.fingerprint
    assert torch.equal(answers(Store.open(done.aside), small.by_pixels()), before)


def test_an_old_store_is_never_asked_again_in_silence(spec: str, tmp_path: Path) -> None:
    old = an_old_store(spec, tmp_path / "targets")
    kept = sorted((path.name, path.stat().st_size) for path in old.path.glob("*.arrow"))
    hint = rf"joryu targets rekey {old.path} --examples {spec}$"
    for examples in (load_examples(spec, size=8), load_examples(spec)):
        with pytest.raises(MismatchError, match=hint):
            label_examples(a_teacher(examples), examples, old.path)
        with pytest.raises(MismatchError, match=hint) as caught:
            old.require_about(examples)
        assert "kept by the pixels of their pictures" in str(caught.value)
    assert sorted((path.name, path.stat().st_size) for path in old.path.glob("*.arrow")) == kept
    old.require_about(load_examples(spec, size=8).by_pixels())


def test_other_pictures_are_told_as_such(spec: str, tmp_path: Path) -> None:
    old = an_old_store(spec, tmp_path / "targets")
    files = {"a/1.png": save(noise(16, 16, seed=77), "PNG")}
    others = load_examples(f"folder:{write_files(tmp_path / 'other', files)}", size=8)
    with pytest.raises(MismatchError, match="are about other examples"):
        old.require_about(others)
    with pytest.raises(MismatchError, match=r"no answer in .* is about these .*at size 8; received 1 examples"):
        rekey(old, others)
    with pytest.raises(MismatchError, match=r"pictures of 16×16\); name the very set that was labelled, and"):
        rekey(old, load_examples(spec))


def test_answers_about_views_stay_in_the_old_store_alone(spec: str, tmp_path: Path) -> None:
    old = an_old_store(spec, tmp_path / "targets", n_views=2)
    small = load_examples(spec, size=8)
    with pytest.raises(MismatchError, match=r"other views than the teacher was shown .*2 views .flip.*--without-views"):
        rekey(old, small)
    done = rekey(old, small, without_views=True)
    assert (done.moved, done.left) == (N + 1, 2 * N)
    assert (done.store.manifest.n_views, done.store.manifest.views) == (0, None)
    assert len(Store.open(done.aside)) == 3 * N


def test_rows_need_no_new_keys(tmp_path: Path) -> None:
    old = an_old_store("digits", tmp_path / "targets", size=None)
    digits = load_examples("digits")
    old.require_about(digits)
    with pytest.raises(InputError, match="needs no other keys"):
        rekey(old, digits)


def test_failures_go_along_and_pictures_that_are_gone_are_left(spec: str, tmp_path: Path) -> None:
    old = an_old_store(spec, tmp_path / "targets")
    small = load_examples(spec, size=8)
    gone = small.select(range(4, len(small)))
    ledger = {"id": np.array([1, 2], dtype="<u8").tobytes().hex(), "view": 0, "attempts": 1, "time": "now"}
    pixels = np.ascontiguousarray(gone.pixel_ids[0], dtype="<u8").tobytes().hex()
    lines = [json.dumps(ledger | {"id": key, "reason": "too dark"}) for key in (ledger["id"], pixels)]
    (old.path / "failures.jsonl").write_text("\n".join(lines) + "\n")
    # The second failure was made good by the answer that is there, the first is about nothing of this set.
    done = rekey(Store.open(old.path), gone)
    assert done.moved == len(gone)
    assert done.left == N - len({one.tobytes() for one in gone.pixel_ids})
    assert done.store.failures() == []


def test_a_failure_keeps_its_reason(spec: str, tmp_path: Path) -> None:
    examples = load_examples(spec, size=8)
    label_examples(a_teacher(examples), examples.by_pixels().select(range(3, 8)), tmp_path / "targets")
    path = tmp_path / "targets" / "manifest.json"
    path.write_text(path.read_text().replace('"keys": "row"', '"keys": "pixels"'))
    key = np.ascontiguousarray(examples.pixel_ids[9], dtype="<u8").tobytes().hex()
    line = {"id": key, "view": 0, "reason": "too dark", "attempts": 1, "time": "now"}
    (tmp_path / "targets" / "failures.jsonl").write_text(json.dumps(line) + "\n")
    done = rekey(Store.open(tmp_path / "targets"), examples)
    failed = np.ascontiguousarray(examples.ids[9], dtype="<u8").tobytes().hex()
    assert [(one.id, one.reason) for one in done.store.failures()] == [(failed, "too dark")]


def test_what_was_interrupted_goes_on(spec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = an_old_store(spec, tmp_path / "targets")
    small = load_examples(spec, size=8)
    before = answers(old, small.by_pixels())
    with monkeypatch.context() as patch:
        patch.setattr("joryu.targets.rekeying._BLOCK", 4)

        def stop(done: int, total: int) -> None:
            assert total == N + 1
            if done >= 8:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            rekey(old, small, progress=stop)
    assert 0 < len(Store.open(tmp_path / f"targets{NEW}")) < N + 1
    assert torch.equal(answers(Store.open(old.path), small.by_pixels()), before)  # the old one is there until the end
    done = rekey(Store.open(old.path), small)
    assert torch.equal(answers(done.store, small), before)


def test_a_kill_between_the_two_renames_is_mended(spec: str, tmp_path: Path) -> None:
    old = an_old_store(spec, tmp_path / "targets")
    small = load_examples(spec, size=8)
    done = rekey(old, small)
    done.store.path.rename(tmp_path / f"targets{NEW}")
    finish(tmp_path / "targets")
    assert len(Store.open(tmp_path / "targets")) == N + 1
    finish(tmp_path / "targets")  # nothing to do
    assert sorted(path.name for path in tmp_path.iterdir()) == ["set", "targets", f"targets{OLD}"]


def test_from_the_shell(spec: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    an_old_store(spec, tmp_path / "targets")

    def run(*words: object, code: int = 0) -> tuple[str, str]:
        with pytest.raises(SystemExit) as stopped:
            main([str(word) for word in words])
        said = capsys.readouterr()
        assert int(stopped.value.code or 0) == code, said.err
        return said.out, said.err

    _, err = run("audit", tmp_path / "targets", code=3)
    assert f"try: joryu targets rekey {tmp_path / 'targets'} --examples {spec}\n" in err
    out, _ = run("targets", "rekey", tmp_path / "targets", "--json")
    assert json.loads(out)["moved"] == N + 1
    out, err = run("targets", "rekey", tmp_path / "targets")
    assert "has today's keys already" in err
    assert out == f"{N + 1} answers in {tmp_path / 'targets'}\n"
    store = Store.open(tmp_path / "targets")
    assert store.manifest.examples.spec == spec
    store.require_about(load_examples(spec, size=4))


def test_a_teacher_is_not_shown_other_inputs_half_way(spec: str, tmp_path: Path) -> None:
    small, large = load_examples(spec, size=8), load_examples(spec)
    label_examples(a_teacher(small), small.select(range(6)), tmp_path / "targets")
    again = replace(large, name="again")
    with pytest.raises(MismatchError, match=r"another shape .expected .3, 8, 8.; received .3, 16, 16..; try --size 8"):
        label_examples(a_teacher(small), again, tmp_path / "targets", options=LabelOptions(recheck=False))
