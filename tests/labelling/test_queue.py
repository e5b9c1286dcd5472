"""Which picture comes next: stable over reloads, fair to overlap, with repeats."""

from __future__ import annotations

from joryu.annotations import Answer, Settings
from joryu.labelling.queue import REST, Queue, Task

PICTURES = [f"p{at:02d}" for at in range(40)]


def settings(**more: object) -> Settings:
    return Settings(classes=("a", "b"), **{"repeats": 0.0, **more})  # type: ignore[arg-type]


def said(task: Task, who: str = "x", choice: str | None = "a") -> Answer:
    return Answer(picture=task.picture, annotator=who, session="s", choice=choice, showing=task.showing)


def run(queue: Queue, who: str, n: int, choice: str | None = "a") -> list[Task]:
    """Answer the next ``n`` showings."""
    found = []
    for _ in range(n):
        task = queue.upcoming(who)[0]
        queue.add(said(task, who, choice))
        found.append(task)
    return found


def test_everybody_sees_every_picture_once_in_an_order_of_their_own() -> None:
    orders = {}
    for who in ("x", "y"):
        queue = Queue(settings(), PICTURES, [])
        orders[who] = [task.picture for task in run(queue, who, 40)]
        assert sorted(orders[who]) == PICTURES
        assert queue.upcoming(who) == []
        assert queue.progress(who) == (40, 40)
    assert orders["x"] != orders["y"] != PICTURES


def test_a_new_start_goes_on_with_the_very_same_picture() -> None:
    queue = Queue(settings(repeats=0.3), PICTURES, [])
    answers = []
    for _ in range(30):
        task, *rest = queue.upcoming("x", 3)
        again = Queue(settings(repeats=0.3), PICTURES, answers)
        assert again.upcoming("x", 3) == [task, *rest]
        answers.append(said(task))
        queue.add(answers[-1])
        if rest:
            assert queue.upcoming("x", 1) == rest[:1]  # what was fetched ahead is what comes


def test_overlap_is_filled_before_new_pictures_are_begun() -> None:
    queue = Queue(settings(overlap=2), PICTURES, [])
    first = {task.picture for task in run(queue, "x", 10)}
    assert {task.picture for task in run(queue, "y", 10)} == first
    assert queue.upcoming("z", 1)[0].picture not in first  # two have answered these
    assert queue.progress("z") == (0, 30)


def test_when_all_is_answered_the_most_disagreed_pictures_are_offered() -> None:
    queue = Queue(settings(overlap=2), PICTURES[:4], [])
    for picture, pair in zip(PICTURES[:4], (("a", "a"), ("a", "b"), ("b", "b"), (None, "a")), strict=True):
        for who, choice in zip("xy", pair, strict=True):
            queue.add(said(Task(picture, 0), who, choice))
    assert [task.picture for task in queue.upcoming("z", 9)] == ["p01"]
    assert queue.upcoming("x") == []


def test_the_progress_ends_where_it_said() -> None:
    queue = Queue(settings(overlap=2), PICTURES, [])
    queue.add(said(Task(PICTURES[3], 0), "y", "a"))
    queue.add(said(Task(PICTURES[3], 0), "z", "b"))  # enough, and disputed: offered last
    totals = [queue.progress("x").total]
    while task := next(iter(queue.upcoming("x", 1)), None):
        queue.add(said(task))
        totals.append(queue.progress("x").total)
    assert totals == [40] * 41
    assert queue.progress("x") == (40, 40)


def test_repeats_come_at_their_share_after_a_rest_and_once() -> None:
    pictures = [f"p{at:03d}" for at in range(600)]
    queue = Queue(settings(repeats=0.08), pictures, [])
    shown = []
    while task := next(iter(queue.upcoming("x", 1)), None):
        queue.add(said(task))
        shown.append(task)
    repeated = [at for at, task in enumerate(shown) if task.showing]
    assert 25 < len(repeated) < 75  # 8 % of about 650
    assert all(shown[at].showing == 1 for at in repeated)
    first = {task.picture: at for at, task in enumerate(shown) if not task.showing}
    assert min(at - first[shown[at].picture] for at in repeated) > REST
    assert len({shown[at].picture for at in repeated}) == len(repeated)
    assert queue.progress("x") == (600, 600)  # repeats are extra


def test_skipped_pictures_and_pictures_that_are_gone_do_not_come_back() -> None:
    queue = Queue(settings(), PICTURES[:3], [said(Task("gone", 0))])
    run(queue, "x", 3, None)
    assert queue.upcoming("x") == []
    assert queue.progress("x") == (3, 3)


def test_an_answer_that_was_taken_back_leaves_the_queue_as_it_was() -> None:
    queue = Queue(settings(overlap=2, repeats=0.3), PICTURES, [])
    run(queue, "y", 5)
    run(queue, "x", 25)
    before = {who: queue.upcoming(who, 9) for who in "xyz"}
    task = queue.upcoming("x")[0]
    queue.add(said(task))
    queue.take_back(said(task))
    assert {who: queue.upcoming(who, 9) for who in "xyz"} == before
    queue.take_back(said(Task("gone", 0)))
    assert {who: queue.upcoming(who, 9) for who in "xyz"} == before


def test_what_is_kept_between_answers_is_what_a_fresh_queue_finds() -> None:
    queue, answers = Queue(settings(overlap=2, repeats=0.2), PICTURES[:12], []), []
    for turn in range(40):
        who = "xyz"[turn % 3]
        task = next(iter(queue.upcoming(who, 1)), None)
        if task is None:
            continue
        answers.append(said(task, who, "ab"[turn % 2]))
        queue.add(answers[-1])
        fresh = Queue(settings(overlap=2, repeats=0.2), PICTURES[:12], answers)
        assert [queue.upcoming(one, 5) for one in "xyz"] == [fresh.upcoming(one, 5) for one in "xyz"]
    assert len(answers) > 20
