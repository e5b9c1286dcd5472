"""What is shown is what a student will be shown, and what no student can be shown is shown to nobody."""

from __future__ import annotations

import errno
from io import BytesIO
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFile
from scene import SETTINGS, Page, paint
from typer.testing import CliRunner

from joryu.annotations import Project
from joryu.cli import app
from joryu.examples import decoding
from joryu.examples.decoding import decode_picture
from joryu.labelling.left_out import keep_left_out, left_out_of
from joryu.labelling.pictures import new_index, scan


def strokes(mode: str) -> Image.Image:
    """Black strokes on nothing."""
    image = Image.new("RGBA", (40, 30), (0, 0, 0, 0))
    ImageDraw.Draw(image).line((5, 5, 35, 25), fill=(0, 0, 0, 255), width=4)
    return image.convert(mode)


def draw(root: Path) -> None:
    root.mkdir(parents=True)
    strokes("RGBA").save(root / "clear.png")
    strokes("LA").save(root / "grey.png")
    strokes("RGBA").save(root / "clear.webp", lossless=True)
    palette = Image.new("P", (20, 20), 0)
    palette.putpalette([255, 0, 0, 0, 0, 255])
    palette.paste(1, (5, 5, 15, 15))
    palette.save(root / "palette.gif", transparency=0)
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
    frames[0].save(root / "moving.png", save_all=True, append_images=frames[1:], duration=50)
    Image.new("CMYK", (20, 20), (0, 255, 255, 0)).save(root / "printed.jpg")
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.arange(600, dtype=np.uint8).reshape(20, 30)).save(root / "turned.png", exif=exif)


def test_the_page_is_sent_what_a_student_is_shown(tmp_path: Path) -> None:
    draw(tmp_path / "pictures")
    files = scan(tmp_path / "pictures").files
    assert len(files) == 7
    page = Page(Project.create(tmp_path / "project", SETTINGS, tmp_path / "pictures", files))
    for file in files:
        sent = page.client.get(f"/pictures/{file.key[:32]}")
        with Image.open(BytesIO(sent.content)) as image:
            assert not image.has_transparency_data, file.path
            assert not getattr(image, "is_animated", False), file.path
            assert image.mode in ("L", "RGB"), file.path
            assert sent.headers["content-type"] == f"image/{str(image.format).lower()}"
        original = (tmp_path / "pictures" / file.path).read_bytes()
        assert np.array_equal(decode_picture(sent.content), decode_picture(original)), file.path
    corner = decode_picture(page.client.get(f"/pictures/{files[0].key[:32]}").content)[..., 0, 0]
    assert corner.tolist() == [255] * len(corner)  # whatever colour the page has


def test_what_browsers_show_as_it_is_is_sent_as_it_is(tmp_path: Path) -> None:
    paint(tmp_path / "pictures", 1)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (30, 20), "red").save(tmp_path / "pictures" / "turned.jpg", exif=exif)
    files = scan(tmp_path / "pictures").files
    page = Page(Project.create(tmp_path / "project", SETTINGS, tmp_path / "pictures", files))
    for file in files:
        sent = page.client.get(f"/pictures/{file.key[:32]}").content
        assert sent == (tmp_path / "pictures" / file.path).read_bytes()


def spoil(root: Path) -> list[str]:
    """Pictures whose headers are sound and whose pixels are not all there."""
    pixels = np.random.default_rng(5).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    spoiled = []
    for ending in ("jpg", "png", "webp", "gif"):
        Image.fromarray(pixels).save(path := root / f"whole.{ending}")
        content = path.read_bytes()
        path.unlink()
        (root / f"half.{ending}").write_bytes(content[: len(content) // 2])
        spoiled.append(f"half.{ending}")
    return sorted(spoiled)


@pytest.mark.parametrize("lenient", [False, True], ids=["", "though a library lets Pillow invent what is missing"])
def test_truncated_pictures_are_never_offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lenient: bool) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", lenient)
    paint(tmp_path, 2)
    spoiled = spoil(tmp_path)
    found = scan(tmp_path)
    assert [file.path for file in found.files] == ["one/001.png", "two/000.png"]
    assert [one.name for one in found.rejected] == spoiled
    assert all(one.reason for one in found.rejected)


@pytest.mark.parametrize("failure", [OSError(errno.EIO, "Input/output error"), MemoryError()], ids=["disk", "memory"])
def test_a_picture_that_could_not_be_read_once_is_offered_the_next_time(
    failure: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A project's index kept for good that it was damaged."""
    monkeypatch.setattr("joryu.examples.index.FRESH_NS", 0)
    paint(tmp_path / "pictures", 4)
    honest, asked = decoding._loaded, count()

    def failing_once(image: Image.Image, size: int | None) -> object:
        if next(asked) == 0:
            raise failure
        return honest(image, size)

    monkeypatch.setattr(decoding, "_loaded", failing_once)
    index = new_index()
    first = scan(tmp_path / "pictures", index=index)
    assert (len(first.files), len(first.rejected)) == (3, 1)
    assert index.save(tmp_path / "index")
    second = scan(tmp_path / "pictures", index=new_index(tmp_path / "index"))
    assert (len(second.files), second.rejected) == (4, [])
    assert next(asked) == 5


def test_the_summary_names_what_was_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paint(tmp_path / "pictures", 2)
    spoil(tmp_path / "pictures" / "two")
    monkeypatch.setattr("joryu.labelling.serve.serve", lambda *_, **__: None)
    words = ["annotate", str(tmp_path / "pictures"), "--classes", "a,b", "--project", str(tmp_path / "project")]
    started = CliRunner().invoke(app, words)
    assert started.exit_code == 0, started.output
    assert "left out two/half.png" in started.output
    project = Project.open(tmp_path / "project")
    text = Page(project).client.get("/summary").text
    assert "<li>half.jpg: " in text
    assert "two/half" not in text  # a folder's name may be the answer
    said = CliRunner().invoke(app, ["annotate", "summary", "--project", str(tmp_path / "project")])
    assert "left out half.gif: " in said.output
    for path in (tmp_path / "pictures" / "two").glob("half.*"):
        path.unlink()
    CliRunner().invoke(app, words[:2] + words[4:])
    assert "half" not in Page(project).client.get("/summary").text


def test_a_project_of_before_has_left_out_nothing_that_is_known(tmp_path: Path) -> None:
    assert left_out_of(tmp_path) == []
    keep_left_out(tmp_path, scan(tmp_path).rejected)
    assert left_out_of(tmp_path) == []
    (tmp_path / "left-out.json").write_text("[{]")
    assert left_out_of(tmp_path) == []
