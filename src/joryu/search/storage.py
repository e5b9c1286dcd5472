"""Where a sweep keeps its trials: an embedded database in its folder, or a server that several machines share."""

from __future__ import annotations

import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, unquote_plus, urlsplit

import optuna
from optuna.exceptions import ExperimentalWarning, OptunaError
from optuna.storages import RDBStorage
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from joryu.errors import InputError, JoryuError

EMBEDDED = "sweep.db"  #: the SQLite file in a sweep's folder
BEAT = 30  #: seconds between two signs of life of a trial in a shared storage
GRACE = 180  #: seconds without a sign of life after which a shared storage's trial is dead


def require_url(url: str) -> None:
    """Check that a storage is named by a URL; what was typed is not repeated, for it may hold a password.

    Raises:
        InputError: it is no URL.
    """
    if not re.match(r"[a-z][a-z0-9+]*://", url):
        raise InputError(
            "is not a URL", setting="storage", expected="such as postgresql://HOST/DATABASE or sqlite:///PATH",
            hint="leave it out for an embedded database in the sweep's folder",
        )  # fmt: skip


def without_secrets(url: str) -> str:
    """A URL that may be shown and kept: without user, password and options.

    >>> without_secrets("postgresql+psycopg://me:secret@db.example:5432/sweeps?password=secret")
    'postgresql+psycopg://db.example:5432/sweeps'
    """
    kind, _, rest = url.partition("://")
    if kind.startswith("sqlite"):  # a path: an @ or # is part of a name
        return f"{kind}://{rest.partition('?')[0]}"
    place = re.split(r"[?#]", rest, maxsplit=1)[0]
    options = rest[len(place) :]
    # An @ further on belongs to an option, unless what lies before it is a password with a ? or # that nobody quoted.
    if "@" in options and not (_OPTION.match(options) and ("@" in place or _PLACE.fullmatch(place))):
        place = re.split(r"[?#]", rest.rpartition("@")[2], maxsplit=1)[0]
    return f"{kind}://{place.rpartition('@')[2]}"


_PLACE = re.compile(r"(\[[^\]]*\]|[^:/]*)(:\d*)?(/.*)?")  #: host, port and database
_OPTION = re.compile(r"\?[\w.-]+=")


def scrubbed(text: str, url: str) -> str:
    """A text of somebody else, such as an error of a database, without the secrets of a URL.

    >>> scrubbed("no entry for me:p%40ss, p@ss", "mysql://me:p%40ss@host/db")
    'no entry for me:***, ***'
    """
    text = text.replace(url, without_secrets(url))
    try:
        parts = urlsplit(url)
        kind, _, rest = url.partition("://")
        unquoted = "" if kind.startswith("sqlite") else rest.rpartition("@")[0].partition(":")[2]
        secrets = [parts.password or "", unquoted, *re.findall(r"=([^&]*)", parts.query)]
    except ValueError:  # a URL that cannot be taken apart is one that cannot be shown in part
        return "an error about the URL"
    forms = {form for one in secrets for form in (one, unquote(one), unquote_plus(one)) if form}
    for secret in sorted(forms, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def embedded(folder: Path) -> str:
    """The URL of the database in a sweep's folder."""
    place = URL.create("sqlite", database=str((folder / EMBEDDED).resolve()))
    return place.render_as_string(hide_password=False)  # a ? or % of a path is quoted


@contextmanager
def asking(url: str) -> Iterator[None]:
    """What a storage refuses within a ``with`` block, in one line without secrets.

    Raises:
        JoryuError: the storage cannot be opened, read or written.
    """
    try:
        yield
    except (SQLAlchemyError, OptunaError) as error:  # its chain holds the URL
        first = (scrubbed(str(error.__cause__ or error), url).splitlines() or [""])[0]
        raise JoryuError(
            f"the storage {without_secrets(url)} cannot be used", received=first or type(error).__name__,
            hint="mend it and run the same command again: what was tried is kept",
        ) from None  # fmt: skip


def open_storage(url: str) -> RDBStorage:
    """Open a storage, whose tables are made if there are none.

    Raises:
        InputError: the driver of its kind is not installed.
        JoryuError: as `asking`.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with asking(url):
            return RDBStorage(_verbatim(url), engine_kwargs=_engine(url))
    except ImportError as error:
        raise InputError(
            f"the driver of {without_secrets(url)} is not installed", received=scrubbed(str(error), url),
            hint="install it, as SQLAlchemy names it: psycopg for postgresql+psycopg://",
        ) from None  # fmt: skip


def _verbatim(url: str) -> str:
    """A URL whose braces Optuna takes as they are: it fills in the version of its tables where it finds a place."""
    return url.replace("{", "{{").replace("}", "}}")


def _engine(url: str) -> dict[str, object]:
    """SQLite waits for another writer for as long as a write may take on a slow disk."""
    return {"connect_args": {"timeout": 60}} if url.startswith("sqlite") else {}


def fail_dead(url: str, study: str) -> list[int]:
    """Give up the trials of a shared storage that no machine has given a sign of life of for `GRACE` seconds.

    The numbers of the trials that this call gave up; what another gave up at the same time is that one's.
    """
    found: list[int] = []

    def given_up(_: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        found.append(trial.number)

    with warnings.catch_warnings(), asking(url):
        warnings.simplefilter("ignore", ExperimentalWarning)  # signs of life are new in Optuna
        storage = RDBStorage(
            _verbatim(url), engine_kwargs=_engine(url), heartbeat_interval=BEAT, grace_period=GRACE,
            heartbeat_stale_trial_callback=given_up,
        )  # fmt: skip
        optuna.storages.fail_stale_trials(optuna.load_study(study_name=study, storage=storage))
        storage.engine.dispose()
    return found


@contextmanager
def alive(storage: RDBStorage, trial_id: int) -> Iterator[None]:
    """Give a sign of life of a trial every `BEAT` seconds within a ``with`` block, beginning at once."""
    done = threading.Event()
    storage.record_heartbeat(trial_id)

    def beat() -> None:
        while not done.wait(BEAT):
            try:
                storage.record_heartbeat(trial_id)
            except (SQLAlchemyError, OptunaError):  # the trial's own next word to the storage says what is wrong
                continue

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
