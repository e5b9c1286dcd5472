"""A whole listing into a collection: what is kept, dropped, refused, left, and gone on with."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from website import Site, breaks_off, first, opened, picture, says

from joryu.collecting import FetchLimits, Gathered, GatherOptions, Listing, find_near, gather
from joryu.errors import InputError, JoryuError, MismatchError
from joryu.examples import load_examples
from joryu.examples.collected import OriginCounts, read_journal
from joryu.examples.origin import LicenceRule

pytestmark = pytest.mark.usefixtures("spare_the_disk")
QUICK = FetchLimits(rate=1000, seconds=5.0, first_wait=0.01, private=True)


@pytest.fixture
def site() -> Iterator[Site]:
    with opened() as site:
        yield site


def listing(*places: str, licences: str = "", **how: Any) -> Listing:
    said = licences.split(",") if licences else [""] * len(places)
    return Listing(name="list", places=places, licences=said, sources=[""] * len(places), **how)


def collect(listed: Listing, out: Path, *licences: str, **how: Any) -> Gathered:
    limits = how.pop("limits", QUICK)
    return gather(listed, out, GatherOptions(rule=LicenceRule.of(licences), limits=limits, **how))


def test_a_list_becomes_examples_with_origins(site: Site, tmp_path: Path) -> None:
    site.pages |= {f"{at}.png": picture(at) for at in range(3)}
    done = collect(listing(*(site.at(f"{at}.png") for at in range(3)), licences="CC0,CC0,"), tmp_path / "c")
    assert (done.entries, done.kept, done.new, done.pictures) == (3, 3, 3, 3)
    examples = load_examples(str(tmp_path / "c"), size=8)
    assert (len(examples), examples.labels, examples.keyed_by) == (3, None, "bytes")
    assert OriginCounts.of(examples) == OriginCounts({"CC0": 2, "unknown": 1}, {"127.0.0.1": 3})
    chosen = examples.select([2, 0])
    assert chosen.origins is not None
    assert [one.licence for one in chosen.origins] == [examples.origins[2].licence, examples.origins[0].licence]  # type: ignore[index]
    record = next(one for one in read_journal(tmp_path / "c") if one.place == site.at("0.png"))
    assert (record.type, record.width, record.height, record.n_bytes) == ("image/png", 24, 24, len(picture(0)))
    assert record.fetched.endswith("+00:00")


def test_one_picture_under_two_addresses_has_both_licences(site: Site, tmp_path: Path) -> None:
    site.pages |= {"a.png": picture(1), "b.png": picture(1)}
    done = collect(listing(site.at("a.png"), site.at("b.png"), licences="CC0,CC-BY-4.0"), tmp_path / "c")
    assert (done.kept, done.copies, done.pictures) == (1, 1, 1)
    assert done.origins.licences == {"CC-BY-4.0 | CC0": 1}
    assert {record.place for record in read_journal(tmp_path / "c")} == {site.at("a.png"), site.at("b.png")}


def test_what_is_no_picture_is_refused_for_good_with_the_reason(site: Site, tmp_path: Path) -> None:
    jpeg = picture(5, side=64, kind="JPEG")
    site.pages |= {
        "page.jpg": b"<html>not here any more</html>", "cut.jpg": jpeg[: len(jpeg) // 2], "empty.png": b"",
        "fine.png": picture(1), "odd.txt": picture(2, kind="WEBP"),
    }  # fmt: skip
    listed = listing(*(site.at(name) for name in (*site.pages, "none.png")), "ftp://a.example/x")
    done = collect(listed, tmp_path / "c")
    assert (done.kept, done.failed, done.later) == (2, 5, 0)
    reasons = {record.place.rpartition("/")[2]: record.reason for record in read_journal(tmp_path / "c")}
    assert reasons["page.jpg"] == "not a picture that can be read"
    assert reasons["cut.jpg"].startswith("damaged")
    assert reasons["empty.png"] == "empty file"
    assert reasons["none.png"] == "HTTP 404, not found"
    assert reasons["x"].startswith("no address that can be asked")
    assert len(list((tmp_path / "c").glob("pictures/*/*.webp"))) == 1
    site.asked.clear()
    again = collect(listed, tmp_path / "c")
    assert (site.asked, again.new, again.failed) == ([], 0, 5)
    site.pages["none.png"] = picture(9)
    assert collect(listed, tmp_path / "c", again=True).new == 1


def test_a_picture_of_too_many_pixels_is_refused(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("joryu.examples.decoding.PIXEL_LIMIT", 1000)
    site.pages |= {"large.png": picture(1, side=64), "small.png": picture(2)}
    done = collect(listing(site.at("large.png"), site.at("small.png")), tmp_path / "c")
    assert done.reasons == {"too many pixels (expected at most 1,000; received 4,096)": 1}


def test_what_may_pass_is_tried_again_now_and_in_the_next_run(site: Site, tmp_path: Path) -> None:
    site.pages |= {
        "a.png": first(says(500), picture(1), times=2), "b.png": first(breaks_off(picture(2), 50), picture(2)),
        "c.png": says(503), "d.png": picture(4),
    }  # fmt: skip
    listed = listing(*(site.at(f"{name}.png") for name in "abcd"))
    done = collect(listed, tmp_path / "c")
    assert (done.kept, done.later, done.failed) == (3, 1, 0)
    assert len(site.times("c.png")) == QUICK.attempts
    site.pages["c.png"] = picture(3)
    site.asked.clear()
    again = collect(listed, tmp_path / "c")
    assert (again.new, again.kept, again.later) == (1, 4, 0)
    assert site.paths == ["/c.png"]


def test_retry_after_is_waited_for(site: Site, tmp_path: Path) -> None:
    site.pages["a.png"] = first(says(429, Retry_After="1"), picture(1))
    assert collect(listing(site.at("a.png")), tmp_path / "c").kept == 1
    early, late = site.times("a.png")
    assert late - early >= 0.99


def test_hosts_are_asked_beside_each_other_each_at_its_own_rate(site: Site, tmp_path: Path) -> None:
    with opened() as other:
        for one in (site, other):
            one.pages |= {f"{at}.png": picture(at + 100 * (one is other)) for at in range(6)}
        places = [*(site.at(f"{at}.png") for at in range(6)), *(other.at(f"{at}.png") for at in range(6))]
        begun = time.monotonic()
        done = collect(listing(*places), tmp_path / "c", limits=replace(QUICK, rate=10))
        assert done.kept == 12
        assert max(one.asked[0].at for one in (site, other)) < min(one.asked[-1].at for one in (site, other))
        for one in (site, other):
            assert len(one.asked) == 7
            assert one.asked[-1].at - begun > 0.59


def test_a_host_that_cannot_be_reached_is_said_and_the_rest_goes_on(site: Site, tmp_path: Path) -> None:
    site.pages["a.png"] = picture(1)
    dead = [f"http://127.0.0.1:9/{at}.png" for at in range(50)]
    done = collect(listing(*dead, site.at("a.png")), tmp_path / "c")
    assert (done.kept, done.later) == (1, 50)
    assert list(done.hosts_left) == ["http://127.0.0.1:9"]
    assert "robots.txt cannot be read: no connection" in done.hosts_left["http://127.0.0.1:9"]


def test_only_entries_of_the_licences_that_are_named(site: Site, tmp_path: Path) -> None:
    site.pages |= {f"{at}.png": picture(at) for at in range(4)}
    places = [site.at(f"{at}.png") for at in range(4)]
    listed = listing(*places, licences="CC0 1.0,All rights reserved,,cc-by-4.0")
    done = collect(listed, tmp_path / "c", "CC0*", "CC-BY-4.0")
    assert (done.kept, done.other_licence) == (2, 2)
    assert sorted(site.paths) == ["/0.png", "/3.png"]
    assert collect(listed, tmp_path / "c", "CC*", "unknown").new == 1
    with pytest.raises(MismatchError, match=r"licences that are not accepted .*unknown 1"):
        collect(listed, tmp_path / "c", "CC*")


def test_a_list_that_says_another_licence_now_is_believed(site: Site, tmp_path: Path) -> None:
    site.pages["a.png"] = picture(1)
    place = site.at("a.png")
    assert collect(listing(place), tmp_path / "c").origins.licences == {"unknown": 1}
    assert collect(listing(place, licences="CC0"), tmp_path / "c").origins.licences == {"CC0": 1}
    assert collect(listing(place), tmp_path / "c").origins.licences == {"CC0": 1}
    assert site.paths == ["/a.png"]


@pytest.mark.parametrize(("licence", "why"), [((), "HTTP 404"), (("CC0",), "--licence names none")])
def test_nothing_at_all_is_an_error(licence: tuple[str, ...], why: str, site: Site, tmp_path: Path) -> None:
    with pytest.raises(JoryuError, match=f"no picture was collected of list.*{why}"):
        collect(listing(site.at("a.png")), tmp_path / "c", *licence)


def test_what_somebody_put_there_has_no_licence(site: Site, tmp_path: Path) -> None:
    site.pages["a.png"] = picture(1)
    collect(listing(site.at("a.png"), licences="CC0"), tmp_path / "c")
    folder = next((tmp_path / "c" / "pictures").iterdir())
    (folder / "mine.png").write_bytes(picture(7))
    again = collect(listing(site.at("a.png"), licences="CC0"), tmp_path / "c")
    assert (again.pictures, again.strangers) == (2, 1)
    examples = load_examples(str(tmp_path / "c"), size=8)
    counts = OriginCounts.of(examples)
    assert counts is not None
    assert counts.licences == {"CC0": 1, "unknown": 1}


def test_near_duplicates_are_listed_and_stay(site: Site, tmp_path: Path) -> None:
    site.pages |= {
        "a.png": picture(1, side=96), "a.jpg": picture(1, side=96, kind="JPEG", quality=92),
        "a.bmp": picture(1, side=96, kind="BMP"), "b.png": picture(2, side=96),
    }  # fmt: skip
    collect(listing(*(site.at(name) for name in site.pages)), tmp_path / "c")
    near = find_near(tmp_path / "c")
    assert (near.same, near.alike) == (1, 1)
    lines = near.file.read_text().splitlines()
    assert lines[0] == "picture,repeats,how"
    assert len(lines) == 3
    assert len(load_examples(str(tmp_path / "c"), size=8)) == 4


@pytest.mark.parametrize("spec", ["{}", "folder:{}", "folder:{},labels=none"])
def test_the_inside_of_a_collection_is_not_read_as_classes(spec: str, site: Site, tmp_path: Path) -> None:
    site.pages |= {f"{at}.png": picture(at) for at in range(3)}
    collect(listing(*(site.at(f"{at}.png") for at in range(3))), tmp_path / "c")
    with pytest.raises(InputError, match=r"is the inside of a collection.*try .*/c$"):
        load_examples(spec.format(tmp_path / "c" / "pictures"), size=8)


def test_labels_of_a_table_that_is_named_are_read_of_a_collection_too(site: Site, tmp_path: Path) -> None:
    site.pages |= {f"{at}.png": picture(at) for at in range(4)}
    collect(listing(*(site.at(f"{at}.png") for at in range(4))), tmp_path / "c")
    rows = [f"{record.file},{'ab'[at % 2]}" for at, record in enumerate(read_journal(tmp_path / "c"))]
    (tmp_path / "c" / "labels.csv").write_text("\n".join(["file,class", *rows]))
    assert load_examples(str(tmp_path / "c"), size=8).labels is None
    assert load_examples(f"folder:{tmp_path / 'c'},labels=labels.csv", size=8).classes == ("a", "b")
