"""Licences and sources of collected pictures: how they are counted, joined and accepted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from joryu.errors import InputError, MismatchError
from joryu.examples import Examples
from joryu.examples.collected import (
    COPY,
    FAILED,
    JOURNAL,
    KEPT,
    OTHERS,
    Collected,
    OriginCounts,
    origins_of,
    read_journal,
    read_latest,
    read_origins,
)
from joryu.examples.origin import LicenceRule, Origin, short_name
from joryu.examples.originals import ids_of
from joryu.targets.screening import sources_of


@pytest.mark.parametrize(
    ("pattern", "licence", "accepted"),
    [
        ("CC0*", "cc0 1.0", True),
        ("cc-by-4.0", "CC BY 4.0", True),
        ("CC_BY_4.0", "https://creativecommons.org/licenses/by/4.0/deed.en", True),
        ("CC-BY-[0-9]*", "CC BY-NC 4.0", False),
        ("CC-BY*", "CC BY-NC 4.0", True),  # a star is a star
        ("CC0*", "http://creativecommons.org/publicdomain/zero/1.0/", True),
        ("PDM*", "https://creativecommons.org/publicdomain/mark/1.0/", True),
        ("CC0*", "", False),
        ("unknown", "", True),
        ("*", "", True),
        ("CC0*", "CC0 | all rights reserved", False),
        ("*", "CC0 | all rights reserved", True),
        ("Unsplash License", "unsplash license", True),
    ],
)
def test_a_pattern_of_licences(pattern: str, licence: str, accepted: bool) -> None:
    assert LicenceRule.of([pattern]).accepts(licence) is accepted


def test_without_patterns_everything_is_accepted() -> None:
    rule = LicenceRule.of([])
    assert rule.accepts("anything")
    rule.require(None, "a set", hint="no")
    with pytest.raises(InputError, match="licence is not usable"):
        LicenceRule.of([" "])


def test_what_is_not_accepted_is_named_with_its_number() -> None:
    rule = LicenceRule.of(["CC0*"])
    rule.require({"CC0": 3}, "a set", hint="try another")
    with pytest.raises(
        MismatchError, match=r"a set has pictures of licences .*received NC 2, unknown 1\); try another"
    ):
        rule.require({"CC0": 3, "NC": 2, "unknown": 1}, "a set", hint="try another")
    with pytest.raises(MismatchError, match="received no licence on record"):
        rule.require(None, "a set", hint="try another")
    with pytest.raises(MismatchError, match="and 3 more"):
        rule.require({f"{at}": 1 for at in range(8)}, "a set", hint="try another")
    LicenceRule.of(["unknown"]).require(None, "a set", hint="none")


def test_short_names_of_other_addresses_are_the_addresses() -> None:
    assert short_name("https://example.com/licenses/by/4.0/") == "https://example.com/licenses/by/4.0/"


def test_a_picture_that_was_found_twice_has_what_both_said() -> None:
    records = [
        Collected("x", KEPT, licence="CC0", source="me", picture="p"),
        Collected("y", COPY, licence="", source="me", picture="p"),
        Collected("z", KEPT, licence="CC0", source="me", picture="q"),
        Collected("w", FAILED, licence="NC", source="me"),
    ]
    found = origins_of(record.known for record in records)
    assert found == {"p": Origin(("CC0", "unknown"), ("me",)), "q": Origin(("CC0",), ("me",))}
    assert OriginCounts.counted(found.values()).licences == {"CC0": 1, "CC0 | unknown": 1}


def test_what_is_too_much_to_be_named_is_one_number_and_is_accepted_by_no_rule_but_all() -> None:
    counts = OriginCounts.counted(Origin.of("CC0", f"photographer {at}") for at in range(500))
    assert (len(counts.sources), counts.sources[OTHERS]) == (201, 300)
    assert counts.licences == {"CC0": 500}
    assert not LicenceRule.of(["CC*"]).accepts(OTHERS)


def test_copies_among_examples_count_once_and_a_set_without_origins_counts_nothing() -> None:
    examples = Examples.of(torch.tensor([[1.0], [1.0], [2.0]]))
    assert OriginCounts.of(examples) is None
    origins = tuple(Origin.of(licence, "") for licence in ("CC0", "CC0", "NC"))
    assert OriginCounts.of(replace(examples, origins=origins)) == OriginCounts({"CC0": 1, "NC": 1}, {"unknown": 2})


def test_the_sources_that_a_screening_looks_at_are_those_of_the_collection() -> None:
    examples = Examples.of(torch.tensor([[1.0], [2.0]]), sources=["ab/ab1.jpg", "cd/cd2.jpg"])
    assert sources_of(examples) == ["ab", "cd"]
    origins = (Origin.of("CC0", "shop"), Origin.of("CC0", ""))
    assert sources_of(replace(examples, origins=origins)) == ["shop", "unknown"]


def test_a_line_keeps_everything_and_nothing_that_is_empty() -> None:
    record = Collected("https://a.example/ä b", KEPT, licence='say "what"\n', n_bytes=3)
    assert record.line().count("\n") == 1
    assert Collected.of(record.line()) == record
    assert "reason" not in record.line()


ORIGINS = st.builds(Origin.of, st.sampled_from(["", "CC0", "NC", "cc by"]), st.sampled_from(["", "me", "you"]))


@given(ORIGINS, ORIGINS, ORIGINS)
def test_what_several_entries_say_does_not_depend_on_their_order(one: Origin, other: Origin, third: Origin) -> None:
    assert one.joined(other) == other.joined(one)
    assert one.joined(other).joined(third) == one.joined(other.joined(third))
    assert one.joined(other).joined(one) == one.joined(other)
    assert set(one.joined(other).licences) == {*one.licences, *other.licences}
    for rule in (LicenceRule.of(["CC*"]), LicenceRule.of(["unknown", "nc"])):
        both = rule.accepts(one.licence) and rule.accepts(other.licence)
        assert rule.accepts(one.joined(other).licence) is both


LINES = [Collected(f"{at}.jpg", KEPT, licence="CC0 ä\n\u2028", picture=f"{at:032x}", n_bytes=at) for at in range(3)]


def journal(folder: Path, content: bytes) -> Path:
    (folder / JOURNAL).write_bytes(content)
    return folder


def test_a_journal_is_read_as_it_was_written_and_its_last_line_about_a_place_is_true(tmp_path: Path) -> None:
    later = LINES[1]._replace(status=FAILED, reason="gone")
    content = "".join(line.line() for line in [*LINES, later]).encode()
    assert list(read_journal(journal(tmp_path, content))) == [*LINES, later]
    assert read_latest(tmp_path) == {line.place: line.known for line in (LINES[0], later, LINES[2])}
    assert list(read_journal(tmp_path / "nothing")) == []


def test_a_journal_that_was_cut_off_anywhere_keeps_its_whole_lines(tmp_path: Path) -> None:
    content = "".join(line.line() for line in LINES).encode()
    for length in range(len(content) + 1):
        kept = content[:length].count(b"\n")
        assert list(read_journal(journal(tmp_path, content[:length]))) == LINES[:kept]


@pytest.mark.parametrize(
    "damaged",
    [
        b"", b"{", b"[]", b"null", b"7", b"{}", b'{"place": "a"}', b'{"place": "a", "status": "kept", "odd": 1}',
        b'{"place": "a", "status": 5}', b'{"place": "a", "status": "kept", "width": "8"}', b"\xff",
    ],
)  # fmt: skip
def test_a_damaged_line_is_named_by_its_number(tmp_path: Path, damaged: bytes) -> None:
    content = LINES[0].line().encode() + damaged + b"\n" + LINES[2].line().encode()
    with pytest.raises(InputError, match=r"line 2 of .*collected\.jsonl is damaged .*put it back from a copy"):
        read_latest(journal(tmp_path, content))


def test_origins_are_found_by_the_ids_and_of_others_nothing_is_known(tmp_path: Path) -> None:
    ids = ids_of([bytes.fromhex(LINES[at].picture) for at in (2, 0)] + [bytes(15) + b"\x09"])
    journal(tmp_path, "".join(line.line() for line in LINES).encode())
    assert [one.licence for one in read_origins(tmp_path, ids)] == [LINES[2].licence, LINES[0].licence, "unknown"]
