"""What is opened as a model: bytes as they are, and never a pickle, a pointer or a page of the web."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from joryu.errors import InputError
from joryu.students.model_content import model_content, reason_of

KIND = "a .keras or .h5 model"


def refusal(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(InputError) as refused:
        model_content(path, KIND)
    assert f"expected {KIND}" in str(refused.value)
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_pickles_are_never_read(protocol: int, tmp_path: Path) -> None:
    said = refusal(tmp_path / "model.keras", pickle.dumps({"a": [1]}, protocol=protocol))
    assert "is not read" in said
    assert "could run any program" in said


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "git lfs pull fetches it"),
        (b"<!DOCTYPE html><html>", "download the file itself"),
        (b"<!doctype HTML>", "a page of the web"),
        (b"<HTML lang='en'>", "a page of the web"),
        (b"\r\n\r\n  <!DOCTYPE html>", "a page of the web"),
        (b"\xef\xbb\xbf<html>", "a page of the web"),
        (b"", "an empty file"),
    ],
)
def test_what_stands_where_a_model_should_be_is_told(content: bytes, says: str, tmp_path: Path) -> None:
    assert says in refusal(tmp_path / "model.h5", content)


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "none.keras", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(InputError, match=rf"no model at .*{reason}"):
            model_content(path, KIND)


@pytest.mark.parametrize(
    "content", [b"\x08\x07", b"\n\x04", b"PK\x03\x04", b"\x89HDF\r\n\x1a\n", b"\x80\x01", b"<", b"\x80"]
)
def test_all_else_is_given_as_it_is(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(content + bytes(range(256)))
    assert model_content(tmp_path / "model", KIND) == content + bytes(range(256))


def test_a_reason_is_one_line_that_says_something() -> None:
    assert reason_of(ValueError("\n\n  no such layer \nTraceback")) == "no such layer"
    assert reason_of(ValueError("\n \t\n")) == reason_of(ValueError()) == "ValueError"
