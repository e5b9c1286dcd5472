"""`Asked`: how pydantic reads a question from a JSON record, and writes one."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator

from joryu.errors import InputError
from joryu.questions.question import Question


def _read(content: Any) -> Question:
    if isinstance(content, Question):
        return content
    try:
        return Question.from_json(content)
    except InputError as error:  # what pydantic knows how to tell of, with the name of the field
        raise ValueError(str(error)) from error


Asked = Annotated[Question, PlainValidator(_read), PlainSerializer(Question.to_json, return_type=dict[str, Any])]
"""The type of a pydantic field that holds a `Question`; in JSON it is what `Question.to_json` gives."""
