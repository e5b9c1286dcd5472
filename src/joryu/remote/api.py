"""`Api`: how a tagging API is asked over HTTP and how its answers are read; a description, with no code in it."""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from joryu.pydantic_errors import first_fault
from joryu.remote.json_places import pieces_of_list, value_at

PICTURE: Final = "{picture}"  #: stands for one encoded picture in a request
PICTURES: Final = "{pictures}"  #: stands for the list of what is said of each picture

_MEANT: Final = {3, 9, 11, 400, 404, 413, 415, 422}
_REFUSED: Final = {7, 16, 401, 403}


class Tag(NamedTuple):
    """One tag of an answer: the key by which it is known (an id, or its name), its name, and its score in 0..1."""

    key: str
    name: str
    score: float


class Refusal(NamedTuple):
    """Why an API did not answer about one picture: for ``good``, or so that it may be asked again.

    ``stops``: it will not answer about any other either, as a permission is lost.
    """

    reason: str
    good: bool
    stops: bool = False


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class KeyPlace(_Part):
    """Which environment variable holds the key, and in which header, after which prefix, it is sent."""

    env: str
    header: str = "Authorization"
    prefix: str = ""
    needed: bool = True


class RequestForm(_Part):
    """What a request says. ``body`` is JSON in which ``{picture}`` stands for the picture in base64.

    Where several pictures go in one request, ``{pictures}`` stands for a list, with ``each`` for every picture. Without
    a ``body`` the picture's bytes are the body, with their own content type.
    """

    body: dict[str, Any] | None = None
    each: dict[str, Any] | None = None
    pictures: int = Field(default=1, ge=1, le=1000)
    picture: Literal["base64", "data-url"] = "base64"

    @field_validator("body", "each")
    @classmethod
    def _is_json(cls, content: dict[str, Any] | None) -> dict[str, Any] | None:
        try:
            json.dumps(content, allow_nan=False)
        except (TypeError, ValueError) as error:  # a date, or inf, which TOML has
            raise ValueError(f"what JSON can say ({error})") from error
        return content

    @model_validator(mode="after")
    def _pictures_have_a_place(self) -> Self:
        listed = self.body is not None and _holds(self.body, PICTURES)
        if self.pictures > 1 and not listed:
            raise ValueError(f"several pictures need {PICTURES} in the body")
        if listed and not _holds(self.each, PICTURE):
            raise ValueError(f"{PICTURES} needs each, with {PICTURE} in it")
        if self.body is not None and not listed and not _holds(self.body, PICTURE):
            raise ValueError(f"the body needs {PICTURE} or {PICTURES}")
        return self


class Answered(_Part):
    """Where an answer says what: paths of names and numbers with dots between.

    ``answers``: the list with one answer for each picture; left out where the whole is about one. Within an answer
    ``tags`` is the list of tags (with ``by_name`` an object from name to score), and within a tag are ``name``,
    ``score`` and ``id``. ``error`` is there, and neither empty nor false, where a picture was refused. ``scale`` is the
    largest score. ``floor``: no score below it is ever returned, where the API says so. ``most``: a list of so many
    tags is full.
    """

    answers: str | None = None
    tags: str
    name: str = "name"
    score: str = "score"
    id: str | None = None
    by_name: bool = False
    error: str | None = "error"
    scale: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    floor: float = Field(default=1.0, gt=0, le=1)
    most: int | None = Field(default=None, ge=1)


class Api(_Part):
    """A tagging API: where it is, how it is asked, how its answers are read.

    ``price`` is for 1,000 pictures; it and the key change no answer and so do not belong to the `settings`.
    """

    name: str
    endpoint: str
    method: Literal["POST", "PUT"] = "POST"
    key: KeyPlace | None = None
    request: RequestForm
    answer: Answered
    longest_side: int | None = Field(default=None, ge=16)
    quality: int = Field(default=90, ge=1, le=100)
    price: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    currency: str = "USD"

    @property
    def settings(self) -> dict[str, Any]:
        """What would change the answers: part of a teacher's fingerprint, and kept in the ledger."""
        told = self.model_dump(mode="json", exclude={"price", "currency", "key"})
        told["request"].pop("pictures")  # how many travel together changes nothing
        return told

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Self:
        """The API that has these `settings`, to read its answers with.

        Raises:
            InputError: they describe no API.
        """
        try:
            return cls.model_validate(settings)
        except ValidationError as error:
            raise first_fault(error).within("the settings of these answers describe no API") from error

    def body(self, pictures: Sequence[bytes]) -> tuple[bytes, str]:
        """The body of a request about some pictures, and its content type."""
        asked = self.request
        if asked.body is None:
            return pictures[0], content_type(pictures[0])
        written = [self._written(one) for one in pictures]
        if asked.each is not None and _holds(asked.body, PICTURES):
            listed = [_filled(asked.each, PICTURE, one) for one in written]
            return _filled(asked.body, PICTURES, f"[{', '.join(listed)}]").encode(), "application/json"
        return _filled(asked.body, PICTURE, written[0]).encode(), "application/json"

    def _written(self, picture: bytes) -> str:
        """A picture as JSON; base64 has nothing in it that JSON would escape."""
        start = "" if self.request.picture == "base64" else f"data:{content_type(picture)};base64,"
        return f'"{start}{base64.b64encode(picture).decode()}"'

    def split(self, body: bytes, count: int) -> list[bytes | Refusal]:
        """What a reply says of each of ``count`` pictures: the answer, byte for byte as it stands there, or a refusal.

        Raises:
            ValueError: it is no answer about so many pictures.
        """
        text = body.decode()
        place = self.answer.answers
        pieces = [(text, json.loads(text))] if place is None else pieces_of_list(text, place)
        if len(pieces) != count:
            raise ValueError(f"{len(pieces)} answers to {count} pictures")
        return [self._checked(*piece) for piece in pieces]

    def _checked(self, text: str, content: Any) -> bytes | Refusal:
        if self.answer.error is not None and _is_error(error := value_at(content, self.answer.error)):
            return refusal_of(error)
        self.tags(content)
        return text.encode()

    def tags(self, content: Any) -> list[Tag]:
        """The tags of one answer, as they are listed there.

        Raises:
            ValueError: they are not what the description says.
        """
        place = self.answer
        listed = value_at(content, place.tags)
        if listed is None:
            if not isinstance(content, dict):
                raise ValueError(f"an answer that is {type(content).__name__}, where an object was expected")
            return []  # nothing was recognised: an API leaves the empty list out
        if place.by_name:
            if not isinstance(listed, dict):
                raise ValueError(f"{place.tags} is no object from name to score")
            return [_tag(name, name, score, place.scale) for name, score in listed.items()]
        if not isinstance(listed, list):
            raise ValueError(f"{place.tags} is no list")
        return [self._tag(one) for one in listed]

    def _tag(self, content: Any) -> Tag:
        place = self.answer
        name = value_at(content, place.name)
        key = None if place.id is None else value_at(content, place.id)
        if isinstance(key, int) and not isinstance(key, bool):
            key = str(key)  # many number their tags
        elif not isinstance(key, str | None):
            raise ValueError(f"the id of {str(name)[:40]} is neither text nor a whole number")
        return _tag(key or name, name, value_at(content, place.score), place.scale)

    def read(self, raw: bytes) -> tuple[list[Tag], float]:
        """The tags of a raw answer, and the bound that every other tag lies below: *not returned is not zero*.

        It is the smallest score returned where the list is full, and else the API's floor. Where a list goes below
        that floor, the floor is not what the description says; the list ends somewhere below its smallest score, which
        is the bound then.
        """
        tags = self.tags(json.loads(raw))
        if not tags:
            return tags, self.answer.floor
        full = self.answer.most is not None and len(tags) >= self.answer.most
        lowest = min(tag.score for tag in tags)
        # A floor of 1 is none: nothing is known then of what an API leaves out.
        return tags, lowest if full or (self.answer.floor < 1 and lowest < self.answer.floor) else self.answer.floor


def _tag(key: object, name: object, score: object, scale: float) -> Tag:
    if not isinstance(name, str) or not name or not isinstance(key, str):
        raise ValueError(f"a tag without a name: {str(name)[:40]}")
    if isinstance(score, bool) or not isinstance(score, int | float) or math.isnan(score):
        raise ValueError(f"{name[:40]} has no score")
    if not 0 <= score <= scale * (1 + 1e-6):
        shown = f"{score:g}" if isinstance(score, float) else f"{str(score)[:20]}"
        raise ValueError(f"a score of {shown} for {name[:40]}, where 0..{scale:g} was expected")
    return Tag(as_text(key), as_text(name), min(1.0, score / scale))


def as_text(said: object) -> str:
    """What an API says, as text that a file can hold and a terminal show: JSON may hold halves of characters.

    >>> as_text("half a smile \\ud83d")
    'half a smile ?'
    """
    return str(said).encode(errors="replace").decode()


def refusal_of(error: Any) -> Refusal:
    """What an error about one picture means, by its code: Google's (gRPC's) or HTTP's.

    >>> refusal_of({"code": 3, "message": "Bad image data."})
    Refusal(reason='Bad image data. (code 3)', good=True, stops=False)
    >>> refusal_of({"code": 14, "message": "try later"}).good
    False
    """
    code = error.get("code") if isinstance(error, Mapping) else None
    message = error.get("message") if isinstance(error, Mapping) else error
    reason = str(message or "no reason given")[:300] + (f" (code {str(code)[:40]})" if code is not None else "")
    number = code if isinstance(code, int | float) else None
    return Refusal(as_text(reason), good=code is None or number in _MEANT, stops=number in _REFUSED)


def _is_error(said: Any) -> bool:
    """Whether something went wrong: some APIs have the field in every answer, empty, false, or with gRPC's code 0."""
    fine = isinstance(said, Mapping) and said.get("code") in (0, "0", "OK") and not said.get("message")
    return bool(said) and not fine


def content_type(picture: bytes) -> str:
    """The content type of an encoded picture, by its first bytes.

    >>> content_type(bytes.fromhex("ffd8ff"))
    'image/jpeg'
    """
    known = {b"\xff\xd8": "jpeg", b"\x89PNG": "png", b"GIF8": "gif", b"BM": "bmp", b"RIFF": "webp"}
    found = next((kind for start, kind in known.items() if picture.startswith(start)), None)
    return f"image/{found}" if found else "application/octet-stream"


def _holds(content: Any, mark: str) -> bool:
    if isinstance(content, dict):
        return any(_holds(part, mark) for part in content.values())
    if isinstance(content, list):
        return any(_holds(part, mark) for part in content)
    return bool(content == mark)


def _filled(content: Any, mark: str, value: str) -> str:
    """The content as JSON, with the JSON ``value`` wherever the mark is a value of its own, and not a name."""
    return re.sub(re.escape(json.dumps(mark)) + "(?!: )", lambda _: value, json.dumps(content))
