"""`Store`: soft targets on disk, read by key and gathered straight into tensors."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from joryu.errors import InputError, MismatchError
from joryu.examples import Examples, Ids
from joryu.examples.places import from_here
from joryu.targets.combination import Combination
from joryu.targets.encoding import Columns, Encoding, Form, decode
from joryu.targets.ensemble_spec import read_ensemble, write_ensemble
from joryu.targets.failures import Failure, id_from_hex, read_failures
from joryu.targets.index import KeyIndex, Rows, Seeds
from joryu.targets.manifest import Manifest
from joryu.targets.shards import Shard, absent_column, list_shards, open_shard
from joryu.targets.soft_targets import SoftTargets

_TRIES = 5  # a writer may merge shards between our listing the folder and our opening them


class Store:
    """A folder of soft targets, as it was when it was opened.

    A key is an example's id (the hash of its content) and a view seed (0 for the example itself). Shards are
    memory-mapped, so a store may be larger than memory, and opening one only reads the footer of each shard.

    ``len(store)`` is the number of answered keys. ``duplicates`` counts rows with the key of an earlier row; they are
    never read.
    """

    def __init__(self, path: Path, manifest: Manifest, shards: tuple[Shard, ...]) -> None:
        self.path = path
        self.manifest = manifest
        self.shards = shards
        self._sound = False
        self._starts = np.cumsum([0, *(len(shard) for shard in shards)])
        names = dict.fromkeys(name for shard in shards for name in shard.columns)
        self._payload = [name for name in names if name not in ("id", "view")]

    @classmethod
    def open(cls, path: Path | str) -> Self:
        """Open a store for reading. One that is being written is opened with its present content.

        Raises:
            InputError: there is no store, or it is damaged; the message names the shard.
            MismatchError: a newer version of Joryu wrote it.
        """
        folder = Path(path)
        manifest = Manifest.read(folder)
        for attempt in range(_TRIES):
            try:
                shards = tuple(open_shard(folder, span) for span in list_shards(folder).current)
                break
            except FileNotFoundError as error:
                if attempt == _TRIES - 1:
                    raise InputError(f"{folder} changes faster than it can be read", received=str(error)) from error
        if shards and manifest.form is None:  # the first shard came since; the form is written before it
            manifest = Manifest.read(folder)
        _check_columns(manifest, shards)
        return cls(folder, manifest, shards)

    def __len__(self) -> int:
        return len(self.index)

    @property
    def n_rows(self) -> int:
        """The number of rows on disk, duplicates included."""
        return int(self._starts[-1])

    @property
    def duplicates(self) -> int:
        """The number of rows with the key of an earlier row."""
        return len(self.index.redundant)

    @cached_property
    def index(self) -> KeyIndex:
        """The index of keys; built when it is first used."""
        ids = [shard.columns["id"] for shard in self.shards] or [np.empty((0, 2), dtype=np.uint64)]
        views = [shard.columns["view"] for shard in self.shards] or [np.empty(0, dtype=np.uint64)]
        return KeyIndex(np.concatenate(ids), np.concatenate(views), self._keys)

    def find(self, ids: Ids, views: npt.ArrayLike) -> Tensor:
        """The row of each key, int64 ``[n]``, -1 if there is none; ``views`` is one seed for all or one for each."""
        ids = np.ascontiguousarray(ids, dtype=np.uint64).reshape(-1, 2)
        seeds = np.broadcast_to(np.asarray(views).astype(np.uint64), (len(ids),))
        return torch.from_numpy(self.index.find(ids, seeds))

    def missing(self, ids: Ids, views: npt.ArrayLike) -> Tensor:
        """Which keys have no answer, bool ``[n]``."""
        return self.find(ids, views) < 0

    def rows(self, ids: Ids, views: npt.ArrayLike) -> Tensor:
        """The row of each key, int64 ``[n]``, for `gather`.

        Raises:
            InputError: a key has no answer.
        """
        found = self.find(ids, views)
        absent = int((found < 0).sum())
        if absent:
            raise InputError(
                f"{absent} of {len(found)} examples have no soft targets in {self.path}",
                expected="an answer for every example and view",
                received=f"{len(self)} answers and {len(self.failures())} failures",
                hint="run joryu label again to ask for the missing ones, or leave those examples out",
            )
        return found

    def keys(self, rows: Tensor) -> tuple[Ids, Seeds]:
        """The ids and view seeds of some rows."""
        return self._keys(self._checked(rows))

    def gather(self, rows: Tensor) -> SoftTargets:
        """The answers in some rows, in that order, in the stored precision.

        Raises:
            InputError: a row number is outside the store.
        """
        wanted = self._checked(rows)
        encoding = self.manifest.encoding or Encoding()
        return decode(self._take(self._payload, wanted), self.form, self.manifest.question, encoding)

    def columns(self, rows: Tensor) -> Columns:
        """The stored columns of some rows without the keys, in their stored form."""
        return self._take(self._payload, self._checked(rows))

    @property
    def teacher_spec(self) -> str | None:
        """The teacher's spec, rewritten for the present folder."""
        teacher = self.manifest.teacher
        if teacher.spec is None:
            return None
        return (
            write_ensemble(self._combination, self.teacher_specs) if teacher.members else self.from_here(teacher.spec)
        )

    @property
    def teacher_specs(self) -> tuple[str, ...]:
        """The specs of all that answered, rewritten for the present folder: of an ensemble those of its members."""
        return tuple(self.from_here(spec) for spec in self.manifest.teacher.specs)

    @property
    def _combination(self) -> Combination:
        """The rule of an ensemble; before the first answer its spec alone says it."""
        form, spec = self.manifest.form, self.manifest.teacher.spec
        if form is not None and form.combination is not None:
            return form.combination
        return Combination() if spec is None else read_ensemble(spec.partition(":")[2])[0]

    @property
    def examples_spec(self) -> str | None:
        """The examples' spec, rewritten for the present folder."""
        spec = self.manifest.examples.spec
        return None if spec is None else self.from_here(spec)

    def from_here(self, spec: str) -> str:
        """A spec that was typed when the store was made, rewritten for the present folder."""
        return from_here(spec, self.path, self.manifest.provenance.typed_in)

    @property
    def form(self) -> Form:
        """The form that all answers share: space, temperature, shape.

        Raises:
            InputError: there is no answer yet.
        """
        if self.manifest.form is None:
            raise InputError(f"{self.path} holds no answer yet", hint="run joryu label again")
        return self.manifest.form

    def failures(self) -> list[Failure]:
        """The recorded failures of keys that still have no answer."""
        recorded = read_failures(self.path)
        if not recorded:
            return []
        ids = np.stack([id_from_hex(failure.id) for failure in recorded])
        open_still = self.missing(ids, np.array([failure.view for failure in recorded], dtype=np.uint64))
        return [failure for failure, still in zip(recorded, open_still.tolist(), strict=True) if still]

    def require_about(self, examples: Examples) -> None:
        """Check that the store is about at least some of these examples; a store without answers always passes.

        Raises:
            MismatchError: it is about none of them.
        """
        made_for = self.manifest.examples
        if not len(self) or made_for.fingerprint == examples.fingerprint:
            return
        if any(not self.missing(examples.ids, seed).all() for seed in range(self.manifest.n_views + 1)):
            return
        self.require_keys(examples)
        split = f", split {made_for.split}" if made_for.split else ""
        split += f", size {made_for.size}" if made_for.size else ""
        raise MismatchError(
            f"the soft targets in {self.path} are about other examples",
            expected=f"some of the {made_for.count} examples {made_for.spec or made_for.name}{split}",
            received=f"{len(examples)} examples {examples.name}, none of them answered",
            hint="give the examples that were labelled, or run joryu label with these into another folder",
        )

    def require_keys(self, examples: Examples) -> None:
        """Refuse a store of an older version, whose answers about these examples are stored under pixel hashes.

        Raises:
            MismatchError: the store needs new keys; ``joryu targets rekey`` makes them.
        """
        if self.manifest.keys != "pixels" or not (examples.ids != examples.pixel_ids).any():
            return
        views = range(self.manifest.n_views + 1)
        if any(not self.missing(examples.ids, seed).all() for seed in views):
            return
        sides, made_at = tuple(examples.inputs.shape[2:]), self.manifest.examples.size
        found = any(not self.missing(examples.pixel_ids, seed).all() for seed in views)
        if not found and sides == (made_at, made_at):
            return  # these would be the store's keys: it is about other pictures
        raise MismatchError(
            f"the answers in {self.path} are kept by the pixels of their pictures, as Joryu once did",
            expected="answers kept by the bytes of the picture files",
            received=f"these pictures' pixels at {'×'.join(map(str, reversed(sides)))}" if found else None,
            hint="nothing need be asked again, they only need new keys; try:"
            f" joryu targets rekey {self.path} --examples {self.manifest.examples.spec or 'SPEC'}",
        )

    def verify_checksums(self) -> None:
        """Read all shards and compare them with their checksums.

        Raises:
            InputError: a shard has changed since it was written; the message names it.
        """
        for shard in self.shards:
            shard.verify()

    def require_sound(self) -> None:
        """`verify_checksums`, but only once for each opened store; for use before all of it is read.

        Raises:
            InputError: a shard has changed since it was written; the message names it.
        """
        if not self._sound:
            self.verify_checksums()
            self._sound = True

    def _checked(self, rows: Tensor) -> Rows:
        wanted: Rows = rows.numpy()
        if len(wanted) and (wanted.min() < 0 or wanted.max() >= self.n_rows):
            raise InputError(
                "no such row in the store", expected=f"0..{self.n_rows - 1}",
                received=f"{wanted.min()}..{wanted.max()}", hint="find rows with Store.rows",
            )  # fmt: skip
        return wanted

    def _keys(self, rows: Rows) -> tuple[Ids, Seeds]:
        columns = self._take(["id", "view"], rows)
        return columns["id"], columns["view"]

    def _take(self, names: list[str], rows: Rows) -> Columns:
        if len(self.shards) == 1:
            columns = self.shards[0].columns
            return {name: columns[name].take(rows, axis=0) for name in names}
        return self._take_across(names, rows)

    def _take_across(self, names: list[str], rows: Rows) -> Columns:
        shard_of = np.searchsorted(self._starts, rows, side="right") - 1
        order = np.argsort(shard_of, kind="stable")
        touched, starts = np.unique(shard_of[order], return_index=True)
        ends = [*starts[1:].tolist(), len(order)] if len(rows) else []
        groups = [
            (self.shards[shard].columns, order[start:end], rows[order[start:end]] - self._starts[shard])
            for shard, start, end in zip(touched.tolist(), starts.tolist(), ends, strict=True)
        ]
        taken: Columns = {}
        for name in names:
            like = next(shard.columns[name] for shard in self.shards if name in shard.columns)
            everywhere = all(name in columns for columns, _, _ in groups)
            out: npt.NDArray[Any]
            out = (
                np.empty((len(rows), *like.shape[1:]), like.dtype)
                if everywhere
                else absent_column(name, like, len(rows))
            )
            for columns, at, within in groups:
                if name in columns:
                    out[at] = columns[name].take(within, axis=0)
            taken[name] = out
        return taken


def _check_columns(manifest: Manifest, shards: tuple[Shard, ...]) -> None:
    """A shard put here by hand, from another store, is noticed before its rows are taken for answers.

    Rows that are compressed differ in length: theirs is known when they are unpacked.
    """
    if not shards:
        return
    if manifest.form is None or manifest.encoding is None:
        raise InputError(f"{shards[0].path} has no place in this store", received="a manifest without any answer")
    width = () if manifest.encoding.compression else (int(np.prod(manifest.form.shape)),)
    expected = (manifest.encoding.column_dtype, *width)
    for shard in shards:
        values = shard.columns["values"]
        if (found := (values.dtype.name, *values.shape[1:])) != expected:
            raise InputError(
                f"shard {shard.path} does not belong to this store", expected=_rows_of(expected),
                received=_rows_of(found), hint="move it away and run joryu label again",
            )  # fmt: skip


def _rows_of(values: tuple[str | int, ...]) -> str:
    return f"rows of {' '.join(map(str, values[::-1]))}".replace("object", "compressed bytes")
