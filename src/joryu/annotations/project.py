"""`Project`: a folder with the settings, pictures and answers of a labelling project."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, Self

from joryu.annotations.answer import Answer
from joryu.annotations.database import Database, Recorded
from joryu.annotations.settings import Settings
from joryu.annotations.storage import EmptyError, StorageError
from joryu.durable import durable_file
from joryu.errors import InputError, JoryuError, MismatchError

FILE, EVENTS, SIGNALS, EXPORTS = "project.json", "annotations.sqlite", "signals", "exports"
SCHEMA = 1


class PictureFile(NamedTuple):
    """A picture: the SHA-256 of its file in hexadecimal, and its path below the project's folder of pictures."""

    key: str
    path: str


class Taken(NamedTuple):
    """How a project's pictures changed when its folder was scanned again.

    ``there``: pictures that still exist; ``moved``: those of them with another name; ``new``: new pictures.
    ``missing``: the old names of pictures whose content no longer exists in the folder. ``unseen``: the number of
    answered pictures that do not exist, including those missing before.
    """

    there: int
    moved: int
    new: int
    missing: tuple[str, ...]
    unseen: int


class Forgotten(NamedTuple):
    """The numbers of events and files that `Project.forget` deleted."""

    events: int
    signal_files: int
    exports: int


class Project:
    """A labelling project on disk.

    The folder holds ``project.json`` (settings, and the path of the pictures), ``annotations.sqlite`` (events),
    ``signals/`` (raw recordings, one file per session) and ``exports/``. `create` makes a project, `open` opens one.

    >>> import tempfile
    >>> settings = Settings(classes=("healthy", "black spot"))
    >>> answer = Answer(picture="ab12", annotator="a1", session="s1", choice="healthy")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     project = Project.create(Path(folder) / "roses", settings, Path("pictures"), [PictureFile("ab12", "1.jpg")])
    ...     _ = project.record(answer, key="k1")
    ...     project.close()
    ...     [one.choice for one in Project.open(Path(folder) / "roses").answers()]
    ['healthy']
    """

    def __init__(self, folder: Path, settings: Settings, pictures_root: Path, events: Database) -> None:
        self.folder = folder
        self.settings = settings
        self.pictures_root = pictures_root
        self.events = events

    @classmethod
    def create(
        cls, folder: Path | str, settings: Settings, pictures_root: Path | str, pictures: Iterable[PictureFile]
    ) -> Self:
        """Make a new project. One that was never completely made is begun anew.

        Raises:
            InputError: the folder holds a project already, or answers without ``project.json``; it is a file; or there
                is no picture.
            StorageError: the project cannot be written.
        """
        folder, pictures_root = Path(folder), Path(pictures_root)
        if (folder / FILE).exists():
            raise InputError(f"there is a project already at {folder}", hint="open it, or choose another folder")
        if folder.exists() and not folder.is_dir():
            raise InputError(
                f"{folder} is a file", expected="a folder for the project", hint="choose another --project"
            )
        found = list(pictures)
        if not found:
            raise InputError(f"no picture in {pictures_root}", expected="at least one", received=0)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"cannot make the folder {folder}", received=error.strerror or str(error)) from error
        _clear_what_never_began(folder)
        events = Database(folder / EVENTS, make=True)
        events.set_pictures((picture.key, picture.path) for picture in found)
        project = cls(folder, settings, pictures_root.expanduser().resolve(), events)
        project._write()
        return project

    @classmethod
    def open(cls, folder: Path | str) -> Self:
        """Open the project in a folder.

        Raises:
            InputError: there is none, or one of its files cannot be read.
            StorageError: it is in use, or the disk is full.
            MismatchError: another version of Joryu wrote it.
        """
        folder = Path(folder)
        path = folder / FILE
        if not path.is_file():
            raise InputError(
                f"no labelling project at {folder}",
                expected=f"a folder with {FILE}",
                received="a folder without it" if folder.is_dir() else "no such folder",
                hint="try joryu annotate FOLDER --classes a,b --project with this folder first",
            )
        try:
            content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            schema, root, settings = content["schema_version"], Path(content["pictures"]), content["settings"]
            beside = folder / content.get("pictures_from_here", root)
            if not isinstance(settings, dict):
                raise TypeError("settings are an object")
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path} is not a project", received=repr(error)) from error
        if schema != SCHEMA:
            raise MismatchError(
                f"{folder} was written by another Joryu", expected=f"schema {SCHEMA}", received=f"schema {schema}"
            )
        if not root.is_dir() and beside.is_dir():  # project and pictures were moved together
            root = beside.resolve()
        project = cls(folder, Settings(**settings), root, Database(folder / EVENTS))
        with suppress(OSError, JoryuError):  # files left if the deletion of a person was interrupted
            project._delete_doomed()
        return project

    def close(self) -> None:
        """Close the files."""
        self.events.close()

    def _write(self) -> None:
        content = {
            "schema_version": SCHEMA,
            "pictures": str(self.pictures_root),
            "pictures_from_here": os.path.relpath(self.pictures_root, self.folder.resolve()),
            "settings": self.settings.model_dump(mode="json"),
        }
        with durable_file(self.folder / FILE) as file:
            file.write(json.dumps(content, indent=2, ensure_ascii=False).encode() + b"\n")

    def change(self, settings: Settings) -> None:
        """Change the settings. The classes must stay in their order; new ones may be added after them.

        Existing answers are not changed; their annotators could not choose the new classes.

        Raises:
            MismatchError: the classes differ, or a level that answers use would be removed.
        """
        classes = self.settings.classes
        if settings.classes[: len(classes)] != classes:
            raise MismatchError(
                f"the project {self.folder} asks for other classes",
                expected=f"{_apart(classes)} and any new ones after them",
                received=_apart(settings.classes),
                hint="name all of them, leave --classes out, or begin another project with --project",
            )
        for what, new, used in (
            ("severities", settings.severities, {one.severity for one in self.answers()}),
            ("confidence levels", settings.confidences, {one.confidence for one in self.answers()}),
        ):
            if gone := sorted(name for name in used if name is not None and name not in new):
                raise MismatchError(
                    f"answers of {self.folder} name {what} that would be gone",
                    expected=", ".join(gone),
                    received=", ".join(new) or "none",
                )
        self.settings = settings
        self._write()

    # --- pictures ---------------------------------------------------------------------------------------------------

    @property
    def pictures(self) -> tuple[PictureFile, ...]:
        """Every picture file, sorted by path; two files with the same content share a key."""
        return tuple(PictureFile(*pair) for pair in self.events.pictures())

    def set_pictures(self, pictures: Sequence[PictureFile]) -> Taken:
        """Replace the list of pictures after a new scan. Answers about missing pictures are kept for their return."""
        found = self._compare(pictures)
        if set(pictures) != set(self.pictures):
            self.events.set_pictures((picture.key, picture.path) for picture in pictures)
        return found

    def attach(self, pictures_root: Path | str, pictures: Sequence[PictureFile]) -> Taken:
        """Use another folder of pictures. Pictures are recognised by their content, whatever their names.

        Raises:
            MismatchError: the folder holds none of the answered pictures (if nothing was answered: none of all).
        """
        pictures_root = Path(pictures_root).expanduser().resolve()
        found, answered = self._compare(pictures), {answer.picture for answer in self.answers()}
        if not answered.intersection(picture.key for picture in pictures) if answered else not found.there:
            raise MismatchError(
                f"{pictures_root} holds none of the pictures that {self.folder} is about",
                expected=f"those that were in {self.pictures_root}, whatever they are called now",
                received=f"{len(pictures):,} others",
            )
        self.pictures_root = pictures_root
        self._write()  # first, because after a kill at this point the next start scans the folder again
        self.events.set_pictures((picture.key, picture.path) for picture in pictures)
        return found

    def _compare(self, pictures: Sequence[PictureFile]) -> Taken:
        before = self.pictures
        keys, files = {picture.key for picture in pictures}, set(pictures)
        known = {picture.key for picture in before}
        kept = {picture.key for picture in files.intersection(before)}
        return Taken(
            there=len(known & keys),
            moved=len((known & keys) - kept),
            new=len(keys - known),
            missing=tuple({picture.key: picture.path for picture in before if picture.key not in keys}.values()),
            unseen=len({answer.picture for answer in self.answers()} - keys),
        )

    # --- answers ----------------------------------------------------------------------------------------------------

    def answers(self, *, annotator: str | None = None) -> list[Answer]:
        """The valid answers, in the order in which they were stored.

        Undone answers are left out. Skips are included (without a choice). Of each (annotator, picture, showing) the
        latest answer counts.
        """
        return self.events.answers(annotator)

    def held(self) -> list[Answer]:
        """Every answer that was not undone, including those replaced by a later one to the same showing."""
        return self.events.held()

    def record(self, answer: Answer, *, key: str) -> Recorded:
        """Store an answer, once for each key; it is on the disk when this returns.

        Raises:
            InputError: the project does not ask for what it names, or the key was used for something else.
        """
        self.check(answer)
        return self.events.record(answer, key)

    def undo(self, annotator: str, session: str, *, key: str) -> Answer | None:
        """Undo the annotator's latest answer; returns it, or ``None`` if there is none."""
        return self.events.undo(annotator, session, key)

    def check(self, answer: Answer) -> None:
        """Check that an answer fits the project's settings.

        Raises:
            InputError: it names a class or level that the project does not ask for.
        """
        asked = self.settings
        for what, name, known in (
            ("class", answer.choice, asked.classes),
            ("second choice", answer.second, asked.classes),
            ("severity", answer.severity, asked.severities),
            ("confidence", answer.confidence, asked.confidences),
        ):
            if name is not None and name not in known:
                raise InputError(
                    f"this {what} is not asked for", expected=", ".join(known) or "none", received=repr(name)
                )
        if answer.second is not None and answer.second == answer.choice:
            raise InputError("the second choice is the first", expected="another class", received=repr(answer.second))

    def import_answers(self, answers: Sequence[Answer]) -> int:
        """Import answers, all or none; known ones are not added again. Returns how many were new.

        Raises:
            InputError: an answer does not fit the project's settings.
        """
        for answer in answers:
            self.check(answer)
        known = {_content(answer) for answer in self.answers()}
        fresh = [answer for answer in answers if _content(answer) not in known]
        return self.events.record_all((answer, f"import-{_content(answer)}") for answer in fresh)

    # --- signals and exports ----------------------------------------------------------------------------------------

    def signal_file(self, session: str) -> Path:
        """The path of a session's raw recording; only this user can read the folder."""
        folder = self.folder / SIGNALS
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder / f"{hashlib.sha256(session.encode()).hexdigest()[:32]}.bin"

    def forget(self, annotator: str) -> Forgotten:
        """Delete everything about an annotator: events, sessions and recordings; and all exports (make them again).

        The answers are deleted first, in one transaction. The database is cleaned with secure deletion, so that nothing
        stays in free pages or in its log. A page that is being served meanwhile notices and starts anew.

        Raises:
            InputError: there is no annotator of that name.
            StorageError: the disk is full or the file is in use; nothing is deleted.
        """
        sessions = self.events.sessions(annotator)
        if not sessions:
            names = sorted({answer.annotator for answer in self.answers()})
            raise InputError(
                f"nobody called {annotator!r} annotated in {self.folder}",
                expected=", ".join(names) or None,
                received=None if names else "no answers by anybody",
            )
        exports = sorted(path for path in (self.folder / EXPORTS).glob("*"))
        files = [*(self.signal_file(session) for session in sessions), *exports]
        # The files to delete are stored in the same transaction, so that a full disk loses nothing, and after a kill
        # the next opening finishes the work.
        events = self.events.forget(annotator, [path.relative_to(self.folder).as_posix() for path in files])
        gone = self._delete_doomed()
        self.events.scrub()
        return Forgotten(events, sum(path.parent.name == SIGNALS for path in gone), len(exports))

    def _delete_doomed(self) -> list[Path]:
        """Delete the remaining files of deleted annotators; returns those that existed."""
        noted = self.events.doomed()
        found = [path for name in noted if os.path.lexists(path := self.folder / name)]
        for path in found:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        if noted:
            self.events.deleted(noted)
        return found


def _clear_what_never_began(folder: Path) -> None:
    """Delete an incomplete database, which would block a new project. One that holds answers is never deleted.

    ``project.json`` is written last: if it is missing, the project was never completely made, or the file was lost.
    """
    path = folder / EVENTS
    if path.exists():
        with suppress(EmptyError):
            events = Database(path)
            try:
                count = events.n_events()
            finally:
                events.close()
            if count:
                raise InputError(
                    f"{folder} holds answers of a project whose {FILE} is gone", received=f"{count:,} on the disk",
                    hint=f"restore {FILE} from a copy, or choose another --project",
                )  # fmt: skip
    for leftover in folder.glob(f"{EVENTS}*"):
        leftover.unlink()


def _apart(names: Iterable[str]) -> str:
    """Names separated by commas; names that contain a comma are in quotation marks."""
    return ", ".join(f'"{name}"' if "," in name else name for name in names)


def _content(answer: Answer) -> str:
    """A hash of the content of an answer."""
    return hashlib.blake2b(
        repr((answer.picture, answer.annotator, answer.session, answer.choice, answer.severity, answer.second,
              answer.confidence, answer.showing, answer.timing, sorted(answer.signals.items()), answer.at)).encode(),
        digest_size=16,
    ).hexdigest()  # fmt: skip


def picture_key(path: Path | str) -> str:
    """The key of a picture: SHA-256 of the file's bytes."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
