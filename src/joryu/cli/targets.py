"""``joryu targets``: maintain stores of answers."""

from __future__ import annotations

from pathlib import Path

import typer

from joryu.cli.output import JSON, command_line, counting, emit, reopen, talk

app = typer.Typer(
    help="Stores of answers: combined, given new keys, made anew.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.callback()
def targets() -> None:
    """Stores of answers: combined, given new keys, made anew."""


@app.command()
def rekey(
    store: Path = typer.Argument(..., help="The store, kept by the pixels of its pictures."),
    examples: str | None = typer.Option(None, help="The examples that were labelled, if not those named in the store."),
    split: str | None = typer.Option(None, help="train, test or all, if not the store's."),
    size: int | None = typer.Option(None, help="The size they were labelled at, if not the store's."),
    without_views: bool = typer.Option(False, "--without-views", help="Leave answers about views in the old store."),
    as_json: bool = JSON,
) -> None:
    """Keep old answers by the bytes of the picture files, so that they hold at every size; nothing is asked again.

    \b
    Example:  joryu targets rekey targets --examples folder:photos
    """
    from joryu.targets import Store
    from joryu.targets.rekeying import finish
    from joryu.targets.rekeying import rekey as give_keys

    finish(store)
    opened = Store.open(store)
    if opened.manifest.keys != "pixels":
        talk(f"{store} has today's keys already")
        emit({"store": str(store), "moved": 0, "left": 0, "old": None}, as_json, f"{len(opened)} answers in {store}")
        return
    about = reopen(opened, examples, split, size)
    with counting("giving keys") as advance:
        done = give_keys(opened, about, without_views=without_views, progress=advance)
    if done.left:
        talk(f"{done.left} answers stay in {done.aside} alone: about views, or about pictures that are not in this set")
    found = {"store": str(store), "moved": done.moved, "left": done.left, "old": str(done.aside)}
    emit(found, as_json, f"{done.moved} answers in {store} have new keys; the old store is {done.aside}: delete it "
         "when you do not miss anything")  # fmt: skip


@app.command()
def rebuild(
    store: Path = typer.Argument(..., help="A store that was made from a paid teacher's ledger."),
    tags: int = typer.Option(5000, min=1, help="So many of the most frequent tags."),
    min_count: int = typer.Option(1, min=1, help="Only tags that were returned so often."),
    out: Path | None = typer.Option(None, help="A new folder; left out, the new store takes the old one's place."),
    examples: str | None = typer.Option(None, help="The examples that were labelled, if not those named in the store."),
    split: str | None = typer.Option(None, help="train, test or all, if not the store's."),
    as_json: bool = JSON,
) -> None:
    """Make a store anew from recorded answers, with another vocabulary; nothing is asked, and nothing is paid.

    \b
    Example:  joryu targets rebuild targets --tags 500
    """
    from joryu.targets import Store
    from joryu.teachers.labelling import LabelOptions, LabelOrigin
    from joryu.teachers.rebuilding import finish, ledger_spec_of
    from joryu.teachers.rebuilding import rebuild as make_anew

    finish(store)
    opened = Store.open(store)
    ledger_spec_of(opened)  # before pictures are read
    about = reopen(opened, examples, split, None)
    with counting("rebuilding") as advance:
        options = LabelOptions(progress=advance, origin=LabelOrigin(command=command_line()))
        made = make_anew(opened, about, most=tags, at_least=min_count, out=out, options=options)
    found = {"store": str(made.path), "answers": len(made), "tags": len(made.manifest.question)}
    emit(
        found,
        as_json,
        f"{len(made):,} answers about {len(made.manifest.question):,} tags in {made.path}; nothing was asked",
    )


@app.command()
def combine(
    stores: list[Path] = typer.Argument(..., help="Stores about the same examples; one of an ensemble has members."),
    out: Path = typer.Option(..., help="The new store: a folder, made or gone on with."),
    by: str | None = typer.Option(
        None, "--combine", help="soft (the mean, if nothing is said), vote, logits or power=U, and ,weights=W1/W2/…"
    ),
    power: float | None = typer.Option(None, help="Short for --combine power=U."),
    members: str | None = typer.Option(None, help="Some of all members, such as 1,3; counted in the stores' order."),
    encoding: str | None = typer.Option(None, help="As joryu label has it, if not that of the stores."),
    as_json: bool = JSON,
) -> None:
    """Combine stored answers as those of an ensemble, any members by any rule; nobody is asked.

    \b
    Example:  joryu targets combine targets-a targets-b --power 0.1 --out targets-both
    """
    from joryu.errors import InputError
    from joryu.examples.overview_text import plural
    from joryu.targets import Store
    from joryu.targets.combination import Combination, Rule
    from joryu.targets.encoding import Encoding
    from joryu.targets.recombining import RecombineOptions, recombine

    if power is not None and by is not None:
        raise InputError("two rules were given", expected="--power or --combine", received=f"both, {by} too",
                         hint=f"say both in one: --combine power={power:g}")  # fmt: skip
    rule = Combination.parse(by or "soft") if power is None else Combination(Rule.POWER, power)
    chosen = () if members is None else _places(members)
    opened = [Store.open(store) for store in stores]
    with counting("combining") as advance:
        options = RecombineOptions(
            members=chosen, encoding=None if encoding is None else Encoding.parse(encoding), progress=advance,
            command=command_line(),
        )  # fmt: skip
        done = recombine(opened, out, rule, options)
    if done.unanswered:
        talk(f"{done.unanswered} answers are left out: some member has none (joryu label asks for them)")
    if done.without_views:
        talk("the stores hold other views: only what all of them have is combined")
    found = {"store": str(done.store.path), "answers": len(done.store), "members": list(done.members),
             "rule": str(rule), "unanswered": done.unanswered}  # fmt: skip
    emit(found, as_json, f"{len(done.store)} answers of {plural(len(done.members), 'member')} in {done.store.path},"
         f" by {rule}; nothing was asked")  # fmt: skip


def _places(members: str) -> tuple[int, ...]:
    """The numbers in ``--members``.

    Raises:
        InputError: they are no numbers.
    """
    from joryu.errors import InputError

    try:
        return tuple(int(one) for one in members.split(","))
    except ValueError as error:
        raise InputError("--members is not usable", expected="numbers such as 1,3", received=members) from error
