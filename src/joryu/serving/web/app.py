"""The web application: ``/predict``, ``/v1/images:annotate``, ``/healthz``, ``/metrics``; `Gate` stands before it."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from io import BytesIO
from typing import Any, NamedTuple, cast

from PIL import Image
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from joryu.errors import InputError, JoryuError, MismatchError
from joryu.examples.decoding import PIXEL_LIMIT, opened, strict_pillow
from joryu.serving.answers import Ranked, is_ranked
from joryu.serving.inputs import Wanted
from joryu.serving.predictor import Predicted
from joryu.serving.web import openapi, vision
from joryu.serving.web.batching import Batcher
from joryu.serving.web.counters import CONTENT_TYPE, Counters
from joryu.serving.web.gate import Gate, Key
from joryu.serving.web.json_response import SafeJSONResponse
from joryu.serving.web.limits import Refused, RequestLimits
from joryu.serving.web.opening import Opened

_LARGE = 256 * 1024  #: bodies above are parsed in a thread: a body of 10 MB would hold everybody up for 50 ms
_OF_URL = {"$alt", "alt"}
_ALT = {"json", "json;enum-encoding=int"}

Write = Callable[[Predicted], dict[str, Any]]


class _Item(NamedTuple):
    """A picture that waits for its answer, and how the answer is written."""

    content: bytes
    name: str
    write: Write


class _Written(NamedTuple):
    """An answer as JSON, or that there is none."""

    said: dict[str, Any]
    answered: bool


class Served(NamedTuple):
    """What a server is made of, beside the model."""

    limits: RequestLimits
    least: float = 0.0  #: the smallest score among labels
    described: bool = False  #: whether it has an OpenAPI page
    token: str | None = None


def create_app(model: Opened, served: Served, *, thread: Executor | None = None) -> Gate:
    """The application behind its gate; the model works in the ``thread``, or in one of its own."""
    counters = Counters()
    app = _Application(model, served, counters, thread)
    return Gate(app.routed(), limits=served.limits, key=Key.of(served.token), counters=counters)


class _Application:
    def __init__(self, model: Opened, served: Served, counters: Counters, thread: Executor | None) -> None:
        self._model, self._served, self._counters = model, served, counters
        self._batcher = Batcher(self._answer, served.limits, counters.batch, thread=thread)
        self._labels = is_ranked(model.behind.question) and model.of_json is None
        counters.waits(lambda: self._batcher.waiting)

    def routed(self) -> Starlette:
        routes = [
            Route("/predict", self.predict, methods=["POST"]),
            Route("/v1/images:annotate", self.annotate, methods=["POST"]),
            Route("/healthz", self.health, methods=["GET"]),
            Route("/metrics", self.metrics, methods=["GET"]),
        ]
        if self._served.described:
            routes += [Route("/openapi.json", self.description), Route("/docs", self.page)]
        handlers: Mapping[Any, Any] = {
            Refused: _refused, HTTPException: _unknown, JoryuError: _failed, Exception: _broken,
        }  # fmt: skip
        return Starlette(routes=routes, exception_handlers=handlers, lifespan=self._lifespan)

    @asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        del app
        yield
        await self._batcher.close()

    async def predict(self, request: Request) -> Response:
        """One picture's bytes, or a table's columns as JSON, to the answer as ``joryu predict --json`` prints it."""
        top, masks, name = _asked_of(request, ranked=is_ranked(self._model.behind.question))
        content, of_json = await request.body(), self._model.of_json
        if of_json is not None:
            said = _json(content)
            answers = await self._batcher.alone(lambda: [answer.to_json(top) for answer in of_json(said)])
            self._counters.pictures(len(answers), 0)
            return SafeJSONResponse({"rows": answers})
        if not content:
            raise Refused(400, "there is no picture: send its bytes as the body, as curl --data-binary @photo.jpg does")

        def write(found: Predicted) -> dict[str, Any]:
            drawn = _drawn(found) if masks and found.answer is not None else {}
            return found.to_json(top) | ({"masks": drawn} if drawn else {})

        (one,) = await self._ask([_Item(content, name, write)])
        return SafeJSONResponse(one.said, 200 if one.answered else 422)

    async def annotate(self, request: Request) -> Response:
        """Google's ``images:annotate``: see `joryu.serving.web.vision`."""
        if not self._labels:
            raise Refused(501, f"this model answers {self._model.behind.question}, not labels: POST /predict")
        _require_alt(request)
        content = await request.body()
        if len(content) > _LARGE:
            asked = await run_in_threadpool(vision.pictures_of, content, self._served.limits)
        else:
            asked = vision.pictures_of(content, self._served.limits)
        sound = [one for one in asked if one.fault is None]
        found = iter(await self._ask([_Item(one.content, "picture", self._labeller(one.most)) for one in sound]))
        self._counters.pictures(0, len(asked) - len(sound))
        return SafeJSONResponse(
            {"responses": [next(found).said if one.fault is None else vision.error_of(*one.fault) for one in asked]}
        )

    def _labeller(self, most: int) -> Write:
        def write(found: Predicted) -> dict[str, Any]:
            if found.answer is None:
                return vision.error_of(vision.INVALID, f"Bad image data: {found.reason}")
            return vision.labels_of(cast("Ranked", found.answer).top(most), self._served.least)

        return write

    async def _ask(self, items: Sequence[_Item]) -> list[_Written]:
        found = await self._batcher.ask(items) if items else []
        answered = sum(one.answered for one in found)
        self._counters.pictures(answered, len(found) - answered)
        return found

    def _answer(self, items: Sequence[_Item]) -> list[_Written]:
        """In the model's thread: decode, ask, and write."""
        wanted = [Wanted(one.content, one.name, reason=_too_large(one, self._served.limits.pixels)) for one in items]
        found = self._model.behind.predict_each(wanted)
        return [_Written(item.write(one), one.answer is not None) for item, one in zip(items, found, strict=True)]

    async def health(self, request: Request) -> Response:
        """Whether the server answers, and which model it is."""
        del request
        return SafeJSONResponse({"status": "ok", "model": self._model.behind.fingerprint[:16]})

    async def metrics(self, request: Request) -> Response:
        """Counters in Prometheus' format."""
        del request
        return Response(self._counters.text(), media_type=CONTENT_TYPE)

    async def description(self, request: Request) -> Response:
        """The OpenAPI document."""
        del request
        return SafeJSONResponse(self._described())

    async def page(self, request: Request) -> Response:
        """The document as a page."""
        del request
        return HTMLResponse(openapi.page(self._described()))

    def _described(self) -> dict[str, Any]:
        question, files = self._model.behind.question, self._model.of_json is None
        return openapi.describe(question, self._served.limits, labels=self._labels, files=files)


def _asked_of(request: Request, *, ranked: bool) -> tuple[int | None, bool, str]:
    query = dict(request.query_params)
    top, masks, name = query.pop("top", None), query.pop("masks", "0"), query.pop("name", "picture")
    if query:
        raise Refused(400, f"unknown parameter {next(iter(query))[:40]!r}: top, masks and name are known")
    if top is not None and not (top.isdecimal() and len(top) < 10 and int(top) > 0):
        raise Refused(400, "top is not usable: expected a whole number above 0")
    if top is not None and not ranked:
        raise Refused(400, "top means nothing here: expected a model of classes or tags")
    if masks not in ("0", "1", "false", "true"):
        raise Refused(400, "masks is not usable: expected true or false")
    return None if top is None else int(top), masks in ("1", "true"), name[:200]


def _require_alt(request: Request) -> None:
    for name, value in request.query_params.items():
        if name == "key":
            raise Refused(400, "a key does not belong in the URL, where logs keep it: send the header x-goog-api-key")
        if name not in _OF_URL or value.replace("; ", ";") not in _ALT:
            raise Refused(400, f"{name[:40]} is not usable: expected $alt=json or nothing")


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Refused(400, f"the body is no JSON: {str(error)[:100]}") from error


def _too_large(item: _Item, most: int) -> str | None:
    if most >= PIXEL_LIMIT:
        return None  # decoding refuses these itself
    try:
        with strict_pillow(), opened(item.content) as image:
            width, height = image.size
    except InputError:
        return None  # decoding says what is wrong
    return f"{width}×{height} pixels are too many (expected at most {most:,})" if width * height > most else None


def _drawn(found: Predicted) -> dict[str, str]:
    """Masks as PNG in base64."""
    drawn = {}
    for name, mask in ({} if found.answer is None else found.answer.masks()).items():
        encoded = BytesIO()
        Image.fromarray(mask).save(encoded, "PNG")
        drawn[name] = base64.b64encode(encoded.getvalue()).decode()
    return drawn


async def _refused(request: Request, error: Refused) -> Response:
    del request
    return SafeJSONResponse(error.to_json(), error.status, error.headers)


async def _unknown(request: Request, error: HTTPException) -> Response:
    why = f"{request.method} {request.url.path[:80]} is not answered here" if error.status_code < 500 else error.detail
    return SafeJSONResponse(Refused(error.status_code, why).to_json(), error.status_code)


async def _failed(request: Request, error: JoryuError) -> Response:
    is_clients = isinstance(error, InputError | MismatchError)  # what was sent, or its shape
    return await _refused(request, Refused(400 if is_clients else 500, str(error)))


async def _broken(request: Request, error: Exception) -> Response:
    return await _refused(request, Refused(500, f"the model failed: {type(error).__name__}"))
