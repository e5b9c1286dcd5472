"""The web application: pages, JSON API and pictures. Every request passes through `Guard` first."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic import BaseModel, ConfigDict, Field

from joryu.annotations import Timing, pseudonym
from joryu.annotations.answer import FASTEST_MS
from joryu.annotations.storage import DamagedError, StorageError
from joryu.errors import JoryuError
from joryu.examples.left_out import left_out_lines
from joryu.labelling.desk import Desk, SentAnswer
from joryu.labelling.guard import ENTER, Guard
from joryu.labelling.keys import MOST_ON_KEYS, keys_of
from joryu.labelling.left_out import left_out_of
from joryu.labelling.people import NotYoursError
from joryu.labelling.pictures import ID_LENGTH
from joryu.labelling.project_summary import summarise_project
from joryu.labelling.tickets import ANYBODY, Guest, Tickets
from joryu.pydantic_errors import Fault, fault_of

HERE = Path(__file__).parent
STATIC = {
    "dialogs.js": "text/javascript; charset=utf-8",
    "given.js": "text/javascript; charset=utf-8",
    "keyboard.js": "text/javascript; charset=utf-8",
    "door.js": "text/javascript; charset=utf-8",
    "key.js": "text/javascript; charset=utf-8",
    "label.js": "text/javascript; charset=utf-8",
    "measure.js": "text/javascript; charset=utf-8",
    "outbox.js": "text/javascript; charset=utf-8",
    "prompt.js": "text/javascript; charset=utf-8",
    "search.js": "text/javascript; charset=utf-8",
    "summary.js": "text/javascript; charset=utf-8",
    "style.css": "text/css; charset=utf-8",
}

STATUS: dict[type[JoryuError], int] = {NotYoursError: 403, StorageError: 503, DamagedError: 503}

Word = Annotated[str, Field(min_length=1, max_length=80)]
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{8,64}$")]
Milliseconds = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
Moment = Annotated[float, Field(ge=-1e15, le=1e15, allow_inf_nan=False)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Entering(_Body):
    """A browser enters by its link's token; it keeps ``key`` from now on, and asks for pictures with ``view``."""

    token: Annotated[str, Field(min_length=1, max_length=1000)]
    key: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    view: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class Invited(_Body):
    """A new link is asked for, for a person of this pseudonym or for one who will choose it."""

    annotator: Annotated[str, Field(max_length=60)] | None = None


class Revoked(_Body):
    """The link of this id is to be revoked."""

    id: Identifier


class Begin(_Body):
    """A person begins a session, or goes on with ``session``."""

    annotator: str
    session: Identifier | None = None


class AnswerBody(_Body):
    """One answer about one showing of a picture, with its times; ``key`` makes a repeated request count once.

    Names that end in ``_ms`` are milliseconds. The other fields are those of `joryu.annotations.Answer`.
    """

    session: Identifier
    key: Identifier
    picture: Annotated[str, Field(min_length=1, max_length=64)]
    showing: Annotated[int, Field(ge=0, le=1000)]
    choice: Word | None
    severity: Word | None = None
    second: Word | None = None
    confidence: Word | None = None
    rt_ms: Milliseconds | None = None
    first_key_ms: Milliseconds | None = None
    hidden_ms: Milliseconds | None = None
    n_changes: Annotated[int, Field(ge=0, le=10_000)] | None = None
    trial: Annotated[int, Field(ge=0, le=10**9)] | None = None
    onset: Moment | None = None
    done: Moment | None = None
    offset_ms: Moment | None = None


class Undone(_Body):
    """The last answer of a session is to be undone; ``key`` makes a repeated request count once."""

    session: Identifier
    key: Identifier


class Sitting(_Body):
    """Which session a request is about."""

    session: Identifier


class Clock(_Body):
    """How far the browser's clock is from the server's, and how long it took to ask, both in milliseconds."""

    session: Identifier
    offset_ms: Moment
    round_trip_ms: Milliseconds


def create_app(desk: Desk, *, tickets: Tickets, hosts: frozenset[str]) -> Guard:
    """Make the web application of one project, with its guard.

    Args:
        desk: sessions, tasks and answers of the project.
        tickets: the links by which browsers may enter; a person without a pseudonym is asked for one.
        hosts: the accepted values of the ``Host`` header.
    """
    port = next(iter(sorted(hosts))).rpartition(":")[2]
    cookie = f"joryu-{port}"
    return Guard(open_app(desk, tickets=tickets, cookie=cookie), tickets=tickets, hosts=hosts, cookie=cookie)


def open_app(desk: Desk, *, tickets: Tickets, cookie: str = "joryu", described: bool = False) -> FastAPI:
    """Make the application without its guard; ``described`` adds the OpenAPI schema (only for tests)."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url="/openapi.json" if described else None)

    @app.exception_handler(JoryuError)
    async def refused(request: Request, error: JoryuError) -> JSONResponse:
        del request
        # After 422 the page drops an answer (outbox.js); after 403 or 503 it keeps it and tries again later.
        status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 422)
        return JSONResponse({"detail": str(error)}, status_code=status)

    @app.exception_handler(RequestValidationError)
    async def misshapen(request: Request, error: RequestValidationError) -> JSONResponse:
        del request
        # What was sent is not echoed: NaN and lone surrogates cannot be, and nobody needs it.
        found = "; ".join(_in_words(fault_of(one, below=1)) for one in error.errors())
        return JSONResponse({"detail": found.encode("ascii", "backslashreplace").decode()}, status_code=422)

    _add_pages(app, desk)
    _add_files(app, desk)
    _add_labelling(app, desk)
    _add_the_rest(app, desk)
    _add_invitations(app, desk, tickets, cookie)
    return app


def _in_words(fault: Fault) -> str:
    if fault.is_unknown:
        return f"{fault.name} is not asked for"
    expected = "" if fault.expected is None else f" (expected {fault.expected})"
    return f"{fault.name or 'what was sent'} {fault.complaint}{expected}"


def _guest(request: Request) -> Guest:
    return getattr(request.state, "guest", None) or ANYBODY


def _add_pages(app: FastAPI, desk: Desk) -> None:
    pages = Environment(
        loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    name = desk.project.folder.resolve().name
    of_all = {"name": name, "id_length": ID_LENGTH, "most_rows": MOST_ON_KEYS}

    @app.get("/", response_class=HTMLResponse)
    def label_page(request: Request) -> str:
        settings = desk.project.settings
        setup = {
            "keys": keys_of(settings),
            "search": len(settings.classes) > MOST_ON_KEYS,
            "fastest": FASTEST_MS,
            "second": settings.second_choice,
            "well": settings.well,
            "annotator": _guest(request).annotator,
            "device": desk.measures,
            "project": hashlib.blake2b(str(desk.project.folder.resolve()).encode(), digest_size=8).hexdigest(),
        }
        page = pages.get_template("label.html")
        return page.render(name=name, guidelines=settings.guidelines, setup=setup)

    def seen_by(request: Request) -> dict[str, Any]:
        guest = _guest(request)
        found = summarise_project(desk.project, viewers=desk.people.names_of(guest.browser))
        return found | {"left_out": []} if guest.invited else found  # a folder's name may give the answer away

    @app.get("/api/summary")
    def summary(request: Request) -> dict[str, Any]:
        return seen_by(request)

    @app.get("/summary", response_class=HTMLResponse)
    def summary_page(request: Request) -> str:
        guest = _guest(request)
        left_out = [] if guest.invited else left_out_lines(left_out_of(desk.project.folder))
        page = pages.get_template("summary.html")
        return page.render(found=seen_by(request), left_out=left_out, guest=guest, **of_all)


def _add_files(app: FastAPI, desk: Desk) -> None:
    @app.get("/favicon.ico")
    def icon() -> Response:
        return Response(status_code=204)

    @app.get("/static/{name}")
    def static(name: str) -> Response:
        if name not in STATIC:
            return Response(status_code=404)
        return Response((HERE / "static" / name).read_bytes(), media_type=STATIC[name])

    @app.get("/pictures/{picture}")
    def picture(picture: str) -> Response:
        if picture not in desk.gallery:
            return Response(status_code=404)
        content, kind = desk.gallery.read(picture)
        return Response(content, media_type=kind)


def _add_labelling(app: FastAPI, desk: Desk) -> None:
    @app.post("/api/session")
    def session(request: Request, body: Begin) -> dict[str, Any]:
        begun = desk.begin(body.annotator, body.session, guest=_guest(request))
        return {"session": begun, **desk.upcoming(begun)}

    @app.post("/api/answers")
    def answers(request: Request, body: AnswerBody) -> dict[str, Any]:
        desk.admit(body.session, _guest(request))
        fields = body.model_dump(exclude={"session", "key"})
        timing = Timing(**{name: fields.pop(name) for name in Timing.__dataclass_fields__})
        fresh = desk.answer(body.session, body.key, SentAnswer(timing=timing, **fields))
        return {"fresh": fresh, **desk.upcoming(body.session)}

    @app.post("/api/undo")
    def undo(request: Request, body: Undone) -> dict[str, Any]:
        desk.admit(body.session, _guest(request))
        again = desk.undo(body.session, body.key)
        found = desk.upcoming(body.session)
        return {**found, "undone": again is not None, "task": again or found["task"]}


def _add_the_rest(app: FastAPI, desk: Desk) -> None:
    @app.get("/api/clock")
    async def clock() -> dict[str, float]:
        return {"received": desk.clock(), "sent": desk.clock()}

    @app.post("/api/clock")
    def synchronise(request: Request, body: Clock) -> dict[str, bool]:
        desk.admit(body.session, _guest(request))
        desk.synchronise(body.session, offset_ms=body.offset_ms, round_trip_ms=body.round_trip_ms)
        return {"noted": True}

    @app.post("/api/device")
    def device(request: Request, body: Sitting) -> dict[str, Any]:
        desk.admit(body.session, _guest(request))
        return {"device": desk.device_state(body.session)}


def _add_invitations(app: FastAPI, desk: Desk, tickets: Tickets, cookie: str) -> None:
    def require_host(request: Request) -> None:
        if _guest(request).invited:
            raise NotYoursError("only whoever started the server invites others")

    @app.post(ENTER)
    def enter(body: Entering) -> Response:
        secret = tickets.enter(body.token, key=body.key, view=body.view)
        if secret is None:
            why = "This link was used already, in another browser, or is another server's: ask for a new one."
            return Response(why, status_code=403, media_type="text/plain")
        entered = Response(status_code=204)
        entered.set_cookie(cookie, secret, httponly=True, samesite="strict", path="/")
        return entered

    @app.get("/api/invitations")
    def invitations(request: Request) -> dict[str, Any]:
        require_host(request)
        found = [(one, desk.people.names_of(one.browser)) for one in tickets.invitations()]
        return {
            "invitations": [
                {"id": one.id, "annotator": one.annotator or ", ".join(names) or None, "token": one.token}
                for one, names in found
            ]
        }

    @app.post("/api/invite")
    def invite(request: Request, body: Invited) -> dict[str, str]:
        require_host(request)
        name = pseudonym(body.annotator.strip()) if body.annotator else None
        if name is not None:
            desk.people.reserve(name, guest=True)
        return {"token": tickets.issue(guest=Guest(name, invited=True))}

    @app.post("/api/revoke")
    def revoke(request: Request, body: Revoked) -> dict[str, bool]:
        require_host(request)
        return {"revoked": tickets.revoke(body.id)}
