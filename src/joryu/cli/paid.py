"""Ask a teacher that is paid by the answer, for ``joryu label``: the ledger first, then the store is made from it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from joryu.cli.output import counting, talk

if TYPE_CHECKING:
    from joryu.errors import Stop
    from joryu.examples import Examples
    from joryu.remote import Api, Collected, Ledger, Options
    from joryu.remote.credentials import Credentials
    from joryu.remote.limits import ApiLimits


class Paying(NamedTuple):
    """The options of ``joryu label`` for a paid teacher; ``None`` where one was not given."""

    endpoint: str | None = None
    budget: str | None = None
    ledger: Path | None = None
    tags: int | None = None
    min_count: int | None = None
    rate: float | None = None
    concurrency: int | None = None
    canaries: int | None = None

    @property
    def given(self) -> list[str]:
        """The names of those that were given."""
        from joryu.errors import option

        return [option(name) for name, value in self._asdict().items() if value is not None]

    def limits(self) -> ApiLimits:
        """How fast to ask.

        Raises:
            InputError: a number is not usable.
        """
        from joryu.remote.limits import ApiLimits

        wished = {"rate": self.rate, "concurrency": self.concurrency, "canaries": self.canaries}
        return ApiLimits(**{name: value for name, value in wished.items() if value is not None})  # type: ignore[arg-type]


def ledger_of(out: Path, paying: Paying) -> Path:
    """The folder of the ledger that belongs to a store: beside it, unless another was named."""
    return paying.ledger or out.with_name(f"{out.name}.ledger")


class Paid(NamedTuple):
    """A paid teacher that can be asked: everything that was typed about it is usable, and its key is there."""

    api: Api
    credentials: Credentials
    options: Options


def find_paid(teacher: str, paying: Paying) -> Paid:
    """The paid teacher of a spec, before any picture is read.

    Raises:
        InputError: the spec, an option or the key is not usable.
    """
    from joryu.remote import Budget, Options, find_credentials
    from joryu.remote.spec import find_api

    api = find_api(teacher, endpoint=paying.endpoint)
    budget = None if paying.budget is None else Budget.parse(paying.budget).in_units(api.price)
    return Paid(api, find_credentials(api), Options(limits=paying.limits(), budget=budget))


def ask_paid(paid: Paid, shown: Examples, out: Path, paying: Paying) -> tuple[str, Stop | None]:
    """Ask a paid teacher about every example that its ledger knows nothing of.

    It returns the spec of the teacher that reads the ledger, and why the asking stopped before the end, if it did.

    Raises:
        Stop: it stopped before anything was answered.
        JoryuError: as `joryu.remote.collect`.
    """
    from joryu.errors import JoryuError
    from joryu.remote import Ledger, collect
    from joryu.teachers.asked_pictures import pictures_of

    api, pictures = paid.api, pictures_of(shown)
    folder = ledger_of(out, paying)
    with Ledger.write(folder, api.settings) as ledger, counting("asking") as advance:
        if api.price is not None:
            ledger.keep_price(api.price)
        before = ledger.spent().units
        done = collect(api, ledger, paid.credentials, pictures, options=replace(paid.options, progress=advance))
        _talk_of(done, ledger, before, api.currency)
        if not ledger.n_answers():
            raise done.stop or JoryuError(
                f"{api.name} answered about nothing", received=next((one.reason for one in ledger.failures()), None)
            )
        return f"ledger:{folder},vocabulary={_vocabulary(ledger, out, paying)}", done.stop


def _talk_of(done: Collected, ledger: Ledger, before: int, currency: str) -> None:
    spent = ledger.spent()
    units = spent.units - before
    money = f", {units * ledger.price / 1000:.2f} {currency} at {ledger.price:g} for 1,000" if ledger.price else ""
    talk(f"{done.answered:,} answered now, {done.before:,} were known; {units:,} pictures paid{money}")
    if done.failed:
        failures = ledger.failures()
        talk(f"{done.failed:,} have no answer, the last because: {failures[-1].reason}")


def _vocabulary(ledger: Ledger, out: Path, paying: Paying) -> str:
    """The name of the vocabulary: that of a store that is gone on with, unless another is wished for."""
    from joryu.remote.vocabulary import MOST
    from joryu.targets.manifest import FILE, Manifest
    from joryu.teachers.recorded import vocabulary_of

    wished = paying.tags is not None or paying.min_count is not None
    if not wished and (out / FILE).is_file():
        _, _, name = (Manifest.read(out).teacher.spec or "").partition(",vocabulary=")
        if name:
            return name
    found = vocabulary_of(ledger, most=paying.tags or MOST, at_least=paying.min_count or 1)
    talk(
        f"the vocabulary: {len(found):,} of {found.tags:,} tags, the rarest in {found.entries[-1].times:,} of"
        f" {found.answers:,} answers; another: joryu targets rebuild {out} --tags N"
    )
    if found.below_floor:
        talk(
            f"scores go down to {found.lowest:.3g}, below the floor of {found.floor:g} that is said of this API:"
            " of such lists the lowest score is the bound of what was not returned"
        )
    for entry in found.renamed[:5]:
        talk(f"renamed meanwhile: {entry.key} is {entry.name!r}, and was {', '.join(map(repr, entry.also))} too")
    return found.save(ledger.folder)
