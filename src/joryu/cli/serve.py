"""``joryu serve``: answer over HTTP."""

from __future__ import annotations

from pathlib import Path

import typer

from joryu.cli.output import talk


def register(app: typer.Typer) -> None:
    """Add the command to the app."""
    app.command()(serve)


def serve(
    model: str = typer.Argument(..., metavar="MODEL", help="A finished run, or a teacher: tflite:FILE, timm:NAME, …"),
    classes: str | None = typer.Option(
        None, help="Of timm: and module: the classes, one of which holds: a,b,c or a file with one a line."
    ),
    tags: str | None = typer.Option(None, help="Likewise tags, any of which may hold."),
    size: int | None = typer.Option(None, min=1, help="Of timm: and module: height and width of what they are shown."),
    threshold: float | None = typer.Option(None, help="Tags and masks hold above this probability (0.5)."),
    min_score: float = typer.Option(0.0, min=0, max=1, help="Labels below are left out of images:annotate."),
    host: str = typer.Option("127.0.0.1", help="Another address than this computer's own needs a token."),
    port: int | None = typer.Option(None, min=0, max=65535, help="8643 or a free one by default."),
    token_file: Path | None = typer.Option(
        None, help="Holds the token that clients must send; else it is read from $JORYU_SERVE_TOKEN."
    ),
    batch: int = typer.Option(32, help="The most pictures that the model is shown at a time."),
    wait_ms: float = typer.Option(4.0, help="How long a picture waits for others, in milliseconds."),
    body: int = typer.Option(10 * 2**20, help="The largest request, in bytes."),
    pixels: int = typer.Option(80_000_000, help="The most pixels of a picture."),
    requests: int = typer.Option(64, help="Requests at the same time; others are told to come again."),
    seconds: float = typer.Option(30.0, help="For a request from its first byte to its answer."),
    docs: bool = typer.Option(False, "--docs", help="Also a page about the API at /docs, and /openapi.json."),
) -> None:
    """Answer over HTTP, also in the place of a vision API.

    A picture is sent to POST /predict, or as to the vision API that the student was cloned from.

    POST /v1/images:annotate takes what Google's client sends (LABEL_DETECTION), if its api_endpoint is this address.
    GET /healthz and /metrics tell how it goes. No address that a request names is ever fetched.

    \b
    Example:  joryu serve run --port 8643
    """
    from joryu.errors import MissingExtraError

    try:
        from joryu.serving.web.app import Served
        from joryu.serving.web.limits import RequestLimits
        from joryu.serving.web.opening import open_model
        from joryu.serving.web.server import Place, read_token, serve
    except ImportError as error:
        raise MissingExtraError(error.name or "starlette", "serve", "joryu serve") from error
    limits = RequestLimits(body=body, pixels=pixels, requests=requests, seconds=seconds, batch=batch, wait_ms=wait_ms)
    token = read_token(host, token_file)
    opened = open_model(
        model, question=_question(classes, tags), size=size, threshold=threshold, batch=batch, tell=talk
    )
    served = Served(limits, least=min_score, described=docs, token=token)
    serve(opened, place=Place(host, port), served=served, say=talk)
    talk("stopped")


def _question(classes: str | None, tags: str | None):  # type: ignore[no-untyped-def]
    from joryu.cli.names import names_or_file
    from joryu.errors import InputError
    from joryu.questions import Question

    if classes is not None and tags is not None:
        raise InputError("what is asked?", expected="--classes or --tags", received="both")
    if tags is not None:
        return Question.tags(names_or_file(tags))
    return None if classes is None else Question.one_of(names_or_file(classes))
