"""Vocabularies: by frequency, joined by key, renames seen, names unique."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from joryu.errors import InputError
from joryu.remote import google_vision
from joryu.remote.vocabulary import FOLDER, Entry, Vocabulary

GOOGLE = google_vision()


def said(*answers: Sequence[tuple[str, str]]) -> list[bytes]:
    return [
        json.dumps(
            {"labelAnnotations": [{"mid": key, "description": name, "score": 0.8} for key, name in one]}
        ).encode()
        for one in answers
    ]


def test_tags_come_by_frequency_and_are_joined_by_key() -> None:
    answers = said([("/m/2", "Dog"), ("/m/1", "Cat")], [("/m/1", "Feline")], [("/m/1", "Cat"), ("/m/3", "Eel")], [])
    found = Vocabulary.of(answers, GOOGLE)
    assert found.entries == (Entry("/m/1", "Cat", 3, ("Feline",)), Entry("/m/2", "Dog", 1), Entry("/m/3", "Eel", 1))
    assert (found.answers, found.tags, found.longest) == (4, 3, 2)
    assert found.renamed == found.entries[:1]
    assert Vocabulary.of(answers, GOOGLE, most=2).names == ("Cat", "Dog")
    assert Vocabulary.of(answers, GOOGLE, at_least=2).names == ("Cat",)


def test_two_tags_of_one_name_stay_two() -> None:
    answers = said([("/m/apple", "Apple"), ("/g/firm", "Apple")], [("/m/apple", "Apple")])
    assert Vocabulary.of(answers, GOOGLE).names == ("Apple", "Apple (/g/firm)")


def test_it_does_not_depend_on_the_order_of_the_answers() -> None:
    answers = said([("/m/2", "B"), ("/m/1", "A")], [("/m/1", "X"), ("/m/3", "C")])
    assert Vocabulary.of(answers, GOOGLE) == Vocabulary.of(answers[::-1], GOOGLE)


def test_nothing_left_is_an_error() -> None:
    with pytest.raises(InputError, match=r"came 2 times; received 1 tags in 1 answers"):
        Vocabulary.of(said([("/m/1", "A")]), GOOGLE, at_least=2)


def test_it_is_kept_beside_the_answers_and_checked(tmp_path: Path) -> None:
    vocabulary = Vocabulary.of(said([("/m/1", "猫"), ("/m/2", "B")], [("/m/1", "犬")]), GOOGLE)
    name = vocabulary.save(tmp_path)
    assert Vocabulary.load(tmp_path, name) == vocabulary
    path = tmp_path / FOLDER / f"{name}.json"
    path.write_text(path.read_text(encoding="utf-8").replace("犬", "鼠"), encoding="utf-8")
    with pytest.raises(InputError, match="has been changed"):
        Vocabulary.load(tmp_path, name)
    path.write_text("{}")
    with pytest.raises(InputError, match="holds no vocabulary"):
        Vocabulary.load(tmp_path, name)
    with pytest.raises(InputError, match=f"holds no vocabulary 00 .expected one of: {name}"):
        Vocabulary.load(tmp_path, "00")


def test_the_recorded_answers_make_one(google_answers: dict[str, bytes]) -> None:
    found = Vocabulary.of(google_answers.values(), GOOGLE)
    assert found.answers == 12 and found.longest == 38
    assert len(set(found.names)) == len(found) == found.tags > 150
    assert found.entries[0].times > 1


@pytest.mark.parametrize(
    "content", ["", "null", "5", '"text"', "[]", "[1]", '{"entries": 3}', '{"entries": [[1]]}', '{"entries": [3]}',
                '{"entries": [], "colour": 1}', "\xff"],
)  # fmt: skip
def test_a_damaged_one_is_refused_whatever_is_left_of_it(content: str, tmp_path: Path) -> None:
    name = Vocabulary.of(said([("/m/1", "A")]), GOOGLE).save(tmp_path)
    (tmp_path / FOLDER / f"{name}.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(InputError, match="holds no vocabulary"):
        Vocabulary.load(tmp_path, name)


def test_names_that_are_told_apart_by_their_keys_are_names_of_their_own() -> None:
    answers = said(*[[("/m/1", "A"), ("/m/2", "A"), ("/m/3", "A (/m/2)")]] * 2, [("/m/1", "A")], [("/m/3", "A (/m/2)")])
    found = Vocabulary.of(answers, GOOGLE)
    assert len(set(found.names)) == len(found) == 3
    assert found.number_of == {"/m/1": 0, "/m/3": 1, "/m/2": 2}
