"""Real recorded answers, Google's own client as the witness, and its way of signing in."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from asked import ask, id_of
from benchmarks.black_box import BlackBox
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from joryu.errors import InputError
from joryu.examples.decoding import decode_picture
from joryu.remote import Ledger, google_vision
from joryu.remote.google_login import GoogleLogin, find_login
from joryu.remote.picture_size import fitted

pytestmark = pytest.mark.filterwarnings("ignore:::google", "ignore:::proto", "ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def photographs(google_folder: Path) -> dict[str, bytes]:
    return {path.stem: path.read_bytes() for path in sorted((google_folder / "images").glob("*.jpg"))}


@pytest.fixture
def recorded(photographs: dict[str, bytes], google_answers: dict[str, bytes]) -> Iterator[BlackBox]:
    """Google, as it was when its answers were recorded."""
    known = {hashlib.sha256(photo).digest(): json.loads(google_answers[name]) for name, photo in photographs.items()}
    with BlackBox(answer=lambda photo: known[hashlib.sha256(photo).digest()]).running() as box:
        yield box


def test_recorded_answers_arrive_whole(
    recorded: BlackBox, photographs: dict[str, bytes], google_answers: dict[str, bytes], tmp_path: Path
) -> None:
    found = ask(recorded, tmp_path, [*photographs.values()])
    assert found.answered == 12 and recorded.requests == 1
    with Ledger.read(tmp_path) as ledger:
        raw = ledger.raw([*map(id_of, photographs.values())])
    for name, photo in photographs.items():
        assert json.loads(raw[id_of(photo)]) == json.loads(google_answers[name]), "fields that nobody asked for, too"


@pytest.mark.slow
def test_the_official_client_reads_what_we_read(
    recorded: BlackBox, photographs: dict[str, bytes], tmp_path: Path
) -> None:
    vision = pytest.importorskip("google.cloud.vision")
    credentials = pytest.importorskip("google.auth.credentials").AnonymousCredentials()
    client = vision.ImageAnnotatorClient(
        transport="rest", credentials=credentials, client_options={"api_endpoint": recorded.url}
    )
    feature = {"type_": vision.Feature.Type.LABEL_DETECTION, "max_results": 50}
    asked = [{"image": {"content": photo}, "features": [feature]} for photo in photographs.values()]
    theirs = client.batch_annotate_images(requests=asked).responses
    ask(recorded, tmp_path, [*photographs.values()])
    with Ledger.read(tmp_path) as ledger:
        raw = ledger.raw([*map(id_of, photographs.values())])
    for photo, answer in zip(photographs.values(), theirs, strict=True):
        tags, _ = google_vision().read(raw[id_of(photo)])
        assert [(tag.key, tag.name) for tag in tags] == [(one.mid, one.description) for one in answer.label_annotations]
        assert [tag.score for tag in tags] == pytest.approx([one.score for one in answer.label_annotations], abs=1e-7)
    recorded.faults, recorded.kinds = 1.0, ["empty"]
    assert len(client.batch_annotate_images(requests=asked[:1]).responses) == 0, "it takes that for an answer"


def test_application_default_credentials_sign_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = iter(["first-token", "second-token"])
    fake = SimpleNamespace(valid=False, token=None, quota_project_id="billed")

    def refresh(_: Any) -> None:
        fake.valid, fake.token = True, next(tokens)

    fake.refresh = refresh
    login = GoogleLogin(fake)
    assert login.headers() == {"Authorization": "Bearer first-token", "x-goog-user-project": "billed"}
    assert login.headers()["Authorization"] == "Bearer first-token", "kept while it is valid"
    fake.valid = False
    assert login.headers()["Authorization"] == "Bearer second-token"
    assert "token" not in repr(login) and login.redact("x second-token") == "x [key]"


def test_a_login_that_cannot_be_used_does_not_show_itself(tmp_path: Path) -> None:
    pytest.importorskip("google.auth")
    assert find_login({"HOME": str(tmp_path)}) is None
    (tmp_path / "login.json").write_text('{"type": "service_account", "private_key": "planted"}')
    with pytest.raises(InputError, match="credentials cannot be used") as caught:
        find_login({"GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "login.json")})
    assert "planted" not in str(caught.value) and caught.value.__suppress_context__


def picture(width: int, height: int, kind: str = "PNG", mode: str = "RGB", **options: Any) -> bytes:
    written = io.BytesIO()
    Image.new(mode, (width, height), 0).save(written, kind, **options)
    return written.getvalue()


def test_large_pictures_are_made_smaller_and_small_ones_travel_as_they_are() -> None:
    small = picture(640, 480)
    assert fitted(small, longest_side=640, quality=90) is small
    assert fitted(picture(9, 9), longest_side=None, quality=90) == picture(9, 9)
    for mode in ("RGB", "L", "RGBA", "P", "1", "LA", "I;16"):
        made = Image.open(io.BytesIO(fitted(picture(1300, 700, mode=mode), longest_side=640, quality=90)))
        assert (made.format, made.mode, max(made.size)) == ("JPEG", "RGB", 640)
    again = fitted(picture(1300, 700), longest_side=640, quality=90)
    assert again == fitted(picture(1300, 700), longest_side=640, quality=90), "the same each time"


def test_what_is_transparent_becomes_white_and_what_lies_on_its_side_upright() -> None:
    clear = Image.open(io.BytesIO(fitted(picture(1300, 700, mode="RGBA"), longest_side=64, quality=90)))
    assert clear.getpixel((5, 5)) == (255, 255, 255)
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = Image.open(io.BytesIO(fitted(picture(1300, 700, "JPEG", exif=exif), longest_side=650, quality=90)))
    assert turned.size == (350, 650)


def test_what_is_no_picture_is_refused() -> None:
    for broken in (b"", b"no picture", picture(900, 900)[:200]):
        with pytest.raises(InputError, match="cannot be made smaller"):
            fitted(broken, longest_side=640, quality=90)


def test_a_login_that_google_refuses_does_not_show_itself() -> None:
    def refresh(_: Any) -> None:
        raise RuntimeError("invalid_grant: planted")

    login = GoogleLogin(SimpleNamespace(valid=False, token=None, refresh=refresh))
    assert login.redact("nothing to hide yet") == "nothing to hide yet"
    with pytest.raises(InputError, match=r"Google gives no token .*RuntimeError.*gcloud auth") as caught:
        login.headers()
    assert "planted" not in str(caught.value) and caught.value.__suppress_context__


def test_sixteen_bits_are_sent_as_they_are_taught_and_not_as_white() -> None:
    written = io.BytesIO()
    Image.fromarray(np.full((90, 130), 32896, dtype=np.uint16)).save(written, "PNG")
    small = fitted(written.getvalue(), longest_side=65, quality=95)
    assert decode_picture(written.getvalue()).mean() == 128
    assert decode_picture(small).mean() == pytest.approx(128, abs=2)


@settings(max_examples=120)
@given(
    st.sampled_from(["PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP"]), st.floats(0, 1),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=4),
)  # fmt: skip
def test_what_is_damaged_is_made_smaller_or_refused(kind: str, whole: float, changes: list[tuple[float, int]]) -> None:
    content = bytearray(picture(90, 40, kind))
    for at, value in changes:
        content[int(at * len(content))] = value
    try:
        small = fitted(bytes(content[: int(whole * len(content))]), longest_side=30, quality=90)
    except InputError as error:
        assert str(error).startswith("a picture cannot be made smaller")
    else:
        assert small == bytes(content[: int(whole * len(content))]) or max(Image.open(io.BytesIO(small)).size) <= 30
