"""`screen`: a planted source is found, one that is as the others is not, and of copies one stays."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from joryu.cli import main
from joryu.errors import InputError
from joryu.examples import Examples, load_examples
from joryu.examples.loading import split_names
from joryu.examples.screened import Filter
from joryu.questions import Question
from joryu.report.screening_page import write_screening
from joryu.targets import Encoding, SoftTargets, Space, Store
from joryu.targets.screening import Screening, ScreenSettings, left_out_ids, screen, sources_of
from joryu.teachers import Reply, TeacherBatch
from joryu.teachers.labelling import LabelOptions, label_examples

TAGS = ["sky", "text", "dog", "rare"]
N, EACH = 120, 40  #: pictures, and of each of three sources


class Tagger:
    """Says "text" of nearly all from the source "ads", "sky" of half of all, and "rare" of one."""

    question = Question.tags(TAGS)
    fingerprint = "tagger"

    def __init__(self, sparse: bool) -> None:
        probs = torch.full((N, 4), 0.1)
        probs[::2, 0] = 0.9
        probs[: EACH - 2, 1] = 0.8
        probs[[50, 70], 1] = 0.8
        probs[7, 3] = 0.99
        self.probs, self._sparse = probs, sparse

    def answer(self, batch: TeacherBatch) -> Reply:
        found = SoftTargets(values=self.probs[torch.from_numpy(batch.rows)], space=Space.PROBS, question=self.question)
        return Reply(found.top_k(3) if self._sparse else found)


def tagged(folder: Path, *, sparse: bool = False) -> tuple[Store, Examples, list[str]]:
    pictures = torch.randint(0, 256, (N, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    pictures[90] = pictures[60]  # a copy to the pixel
    pictures[91] = (pictures[61].int() + 1).clamp(0, 255).to(torch.uint8)  # near
    pictures[95] = pictures[3]  # the same as one that goes
    pictures[96] = (pictures[4].int() + 1).clamp(0, 255).to(torch.uint8)  # near one that goes: it stays
    examples = Examples.of(pictures)
    sources = ["ads"] * EACH + ["holiday"] * EACH + ["garden"] * EACH
    options = LabelOptions(encoding=Encoding.parse("top-3:float32" if sparse else "dense:float32"))
    return label_examples(Tagger(sparse), examples, folder, options=options), examples, sources


@pytest.fixture(params=[False, True], ids=["dense", "top-k"])
def found(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Screening, Examples, list[str]]:
    store, examples, sources = tagged(tmp_path / "targets", sparse=request.param)
    return screen(store, examples, sources), examples, sources


def test_a_source_that_tags_alike_is_found_and_others_are_not(found: tuple[Screening, Examples, list[str]]) -> None:
    screening, _, _ = found
    (bad,) = screening.suspicious
    (tag,) = bad.constant
    assert (bad.name, bad.n, tag.tag) == ("ads", EACH, "text")
    assert (tag.share, tag.elsewhere) == (pytest.approx(38 / 40), pytest.approx(3 / 80))
    assert screening.sources[0].name == "ads"
    assert {one.tag for source in screening.sources for one in source.common} == {"sky", "text", "rare"}


def test_all_of_it_is_left_out_and_of_copies_one_stays(found: tuple[Screening, Examples, list[str]]) -> None:
    screening, _, _ = found
    gone = screening.left_out
    assert set(range(EACH)) <= set(gone)
    assert set(gone) - set(range(EACH)) == {90, 91, 95}
    assert gone[0] == "text on 95% of ads"
    assert gone[90] == "a copy of #60"
    assert gone[95] == "the same file as one that goes: text on 95% of ads"
    assert (len(screening.copies.same), len(screening.copies.alike)) == (2, 2)


def test_the_page_shows_it_and_ids_are_those_of_the_content(
    found: tuple[Screening, Examples, list[str]], tmp_path: Path
) -> None:
    screening, examples, sources = found
    page = write_screening(screening, examples, sources, tmp_path / "out" / "screening.html").read_text()
    assert "43 pictures of 120 to leave out" in page.replace("\u00a0", " ")
    assert page.count("data:image") == 12 + 2 * 4
    ids = left_out_ids(examples, screening)
    assert (len(ids.left_out), len(ids.once), ids.names) == (EACH + 1, 1, {})  # row 95 has the id of row 3
    kept = Filter(examples="", typed_in=None, left_out=ids.left_out, once=ids.once).applied(examples, tmp_path)
    assert len(kept) == N - len(screening.left_out)  # row 60 stays, of which row 90 is a copy


def test_settings_and_questions_that_mean_nothing_are_refused(tmp_path: Path) -> None:
    for wrong in ({"constant": 0}, {"lift": 0.5}, {"least": 1}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            ScreenSettings(**wrong)  # type: ignore[arg-type]
    examples = Examples.of(torch.zeros(2, 3))
    with pytest.raises(InputError, match="nothing says where the examples"):
        sources_of(examples)


def written(folder: Path) -> Path:
    """Pictures of two classes, and a table of the sources they come from."""
    dice = np.random.default_rng(0)
    lines = ["file,source"]
    for at in range(60):
        place = folder / "set" / "ab"[at % 2] / f"{at:02}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        file = BytesIO()
        level = 250 if at < 25 else 0  # the teacher calls dark ones "a"
        Image.fromarray((dice.integers(0, 5, (8, 8)) + level).astype(np.uint8)).save(file, "PNG")
        place.write_bytes(file.getvalue())
        lines.append(f"{place.name},{'scan' if at < 25 else 'photo'}")
    (folder / "sources.csv").write_text("\n".join(lines) + "\n")
    return folder / "set"


class Bright:
    question = Question.one_of(["a", "b"])
    fingerprint = "bright"

    def answer(self, batch: TeacherBatch) -> Reply:
        level = batch.inputs.float().mean((1, 2, 3)) - 128
        return Reply(SoftTargets(values=torch.stack([-level, level], 1), space=Space.LOGITS, question=self.question))


def test_the_command_writes_a_filter_that_label_and_distill_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    place = written(tmp_path)
    examples = load_examples(f"folder:{place}")
    label_examples(Bright(), examples, tmp_path / "targets")
    words = ["screen", "targets", "--examples", "folder:set", "--out", "out"]
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert "the folders of set are its classes" in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        main([*words, "--by", "sources.csv#source", "--json"])
    assert ended.value.code == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["left_out"], told["sources"][0]["name"]) == (60, "photo")
    # Both are constant beside one another: a threshold of lift alone cannot tell which of two is odd.
    with pytest.raises(SystemExit):
        main([*words, "--by", "sources.csv#source", "--least", "30"])
    kept = load_examples("screened:out/filter.json")
    assert len(kept) == 25
    assert kept.remarks[-1] == "35 of 60 examples are left out by filter.json"
    monkeypatch.chdir(tmp_path / "out")
    assert len(load_examples("screened:filter.json")) == 25  # found from another folder
    assert split_names("screened:filter.json") == ("train",)
    (tmp_path / "out" / "filter.json").write_text("{}")
    with pytest.raises(InputError, match="is no filter"):
        load_examples("screened:filter.json")
