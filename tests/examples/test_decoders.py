"""Processes that decode: the same as threads do, errors included, and none is left behind however they end."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from decoding_scene import is_alive, photographs, wait_for
from picture_files import noise, save, write_files

from joryu.errors import InputError
from joryu.examples import Examples, ahead, load_examples, prepared
from joryu.examples import decoders as decoders_module
from joryu.examples.ahead import decoding_threads
from joryu.examples.decoders import DECODERS, HOW_MANY, Request, most_decoders
from joryu.examples.picture_source import PictureSource
from joryu.examples.preparation import PicturePreparation

pytestmark = pytest.mark.skipif(os.name != "posix", reason="processes decode on POSIX systems alone")
_NOTHING = Request("pixels", [], {"shape": {}, "keys": ""})


@pytest.fixture(autouse=True)
def two_decoders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes from the first picture on, whatever the machine has; none held, and an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("JORYU_MEMORY", "1K")
    monkeypatch.setenv(HOW_MANY, "2")
    monkeypatch.setattr(decoders_module, "_WORTH", 0.0)


@pytest.fixture(autouse=True, scope="module")
def two_threads() -> Iterator[None]:
    """A thread for each process, whatever the machine has: with one alone the other process would never be asked, and
    with more some pictures would be decoded here."""
    decoding_threads.cache_clear()
    with pytest.MonkeyPatch.context() as here:
        here.setattr(ahead, "usable_cores", lambda: 2)
        threads = decoding_threads()
    yield
    threads.shutdown()
    decoding_threads.cache_clear()


@pytest.fixture
def fresh() -> Iterator[None]:
    """Processes of its own for a test."""
    DECODERS.close()
    yield
    DECODERS.close()


@pytest.fixture(autouse=True, scope="module")
def none_left() -> Iterator[None]:
    yield
    DECODERS.close()


def started(*, most: int = 2) -> list[int]:
    """The numbers of the processes, once all are ready."""
    wait_for(lambda: len(_asked_once()) >= most)
    return DECODERS.processes


def _asked_once() -> list[int]:
    with DECODERS.asked(lambda: _NOTHING):
        pass
    return DECODERS.processes


def parquet(root: Path, *, n: int = 12) -> Path:
    root.mkdir()
    cells = [{"bytes": save(noise(20 + at, 30, seed=at), "PNG"), "path": None} for at in range(n)]
    pq.write_table(pa.table({"image": cells, "label": [at % 2 for at in range(n)]}), root / "train.parquet")
    return root


def in_threads(spec: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, **how: object) -> Examples:
    with monkeypatch.context() as here:
        here.setenv(HOW_MANY, "0")
        here.setenv("XDG_CACHE_HOME", str(tmp_path / "another cache"))
        found = load_examples(spec, **how)  # type: ignore[arg-type]
        found.inputs[:]  # remembered
        return found


def same(one: Examples, other: Examples) -> None:
    assert isinstance(one.inputs, PictureSource)
    assert isinstance(other.inputs, PictureSource)
    assert torch.equal(one.inputs[:], other.inputs[:])
    assert (one.ids == other.ids).all()
    assert (one.pixel_ids == other.pixel_ids).all()
    assert (one.inputs.block_means == other.inputs.block_means).all()
    assert one.sizes is not None
    assert (one.sizes == other.sizes).all()
    assert (one.sources, one.rejected) == (other.sources, other.rejected)


@pytest.mark.parametrize("make", [photographs, parquet])
@pytest.mark.parametrize("size", [16, 7])
def test_processes_decode_what_threads_decode(
    make: Callable[[Path], Path], size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make(tmp_path / "set")
    expected = in_threads(str(root), monkeypatch, tmp_path, size=size)
    started()
    asked = count_records(monkeypatch)
    found = load_examples(str(root), size=size)
    same(expected, found)
    assert asked["entries"] == len(found)
    assert asked["pixels"] == len(found)
    rows = torch.tensor([3, 1, 7])
    assert torch.equal(found.inputs[rows], expected.inputs[:][rows])


@pytest.mark.usefixtures("fresh")
def test_without_shared_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = photographs(tmp_path / "set")
    expected = in_threads(str(root), monkeypatch, tmp_path, size=160)
    monkeypatch.delattr(os, "memfd_create", raising=False)
    started()
    same(expected, load_examples(str(root), size=160))


def test_pictures_that_shared_memory_does_not_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_files(tmp_path / "set", {f"a/{n}.png": save(noise(9, 9, seed=n), "PNG") for n in range(3)})
    expected = in_threads(f"folder:{root}", monkeypatch, tmp_path, size=1300)
    started()
    asked = count_records(monkeypatch)
    same(expected, load_examples(f"folder:{root}", size=1300))
    assert asked["pixels"] == 3


def count_records(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How many pictures processes have decoded, by the work that they were for."""
    count = {"entries": 0, "pixels": 0, "reads": 0}
    honest = decoders_module._Decoder.ask

    def counted(self: object, request: Request) -> object:
        records = honest(self, request)  # type: ignore[arg-type]
        count[request.work] += len(request.sources) - len(records.failed)
        return records

    monkeypatch.setattr(decoders_module._Decoder, "ask", counted)
    return count


@pytest.mark.parametrize("make", [photographs, parquet])
@pytest.mark.parametrize("size", [16, 1300])
def test_a_set_that_is_held_is_the_same(
    make: Callable[..., Path], size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JORYU_MEMORY", "1GiB")
    root = make(tmp_path / "set", n=5)
    monkeypatch.setenv(HOW_MANY, "0")
    expected = load_examples(str(root), size=size)
    monkeypatch.setenv(HOW_MANY, "2")
    started()
    asked = count_records(monkeypatch)
    found = load_examples(str(root), size=size)
    assert torch.equal(expected.inputs[:], found.inputs[:])
    assert (expected.ids == found.ids).all()
    assert expected.sizes is not None
    assert (expected.sizes == found.sizes).all()
    assert (expected.sources, expected.rejected) == (found.sources, found.rejected)
    assert asked["reads"] == len(found)


def test_bytes_that_lie_in_memory_are_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JORYU_MEMORY", "1MiB")
    held = load_examples(str(parquet(tmp_path / "set")), size=16)
    monkeypatch.setenv("JORYU_MEMORY", "1K")
    larger = PicturePreparation(channels=1, height=20, width=24)
    lazy = prepared(held, larger)
    assert isinstance(lazy.inputs, PictureSource)
    started()
    asked = count_records(monkeypatch)
    honest = [larger.pixels(content) for content in held.encoded(range(len(held)))]
    assert np.array_equal(lazy.inputs[:].numpy(), np.stack(honest))
    assert asked["pixels"] == len(held)


@pytest.mark.parametrize("harm", ["changed", "gone", "damaged"])
def test_the_same_errors(harm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = photographs(tmp_path / "set")
    lazy = load_examples(str(root), size=16)
    path = root / "a/04.jpg"
    match harm:
        case "changed":
            path.write_bytes(save(noise(9, 9, seed=200), "PNG"))
        case "gone":
            path.unlink()
        case _:
            path.write_bytes(path.read_bytes()[:300])
    started()
    said = []
    for processes in ("0", "2"):
        monkeypatch.setenv(HOW_MANY, processes)
        with pytest.raises(InputError) as refused:
            lazy.inputs[:]
        said.append(str(refused.value))
    assert said[0] == said[1]
    assert "a/04.jpg" in said[0]
    assert "\n" not in said[0]


def test_a_set_that_vanishes_is_one_error(tmp_path: Path) -> None:
    root = write_files(tmp_path / "set", {f"a/{n:04}.png": save(noise(9, 9, seed=n), "PNG") for n in range(1500)})
    started()

    def unmounted(done: int, total: int) -> None:
        shutil.rmtree(root, ignore_errors=True)

    with pytest.raises(InputError, match=r"cannot be reached any more.*files in a row are gone.*of 1,500"):
        load_examples(f"folder:{root}", progress=unmounted)


@pytest.mark.usefixtures("fresh")
def test_a_process_that_was_ended_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = photographs(tmp_path / "set")
    expected = in_threads(str(root), monkeypatch, tmp_path, size=16).inputs[:]
    lazy = load_examples(str(root), size=16)
    first = started()
    os.kill(first[0], signal.SIGKILL)
    assert torch.equal(lazy.inputs[:], expected)
    with DECODERS.asked(lambda: _NOTHING), DECODERS.asked(lambda: _NOTHING):  # whichever it was
        pass
    assert len({*first, *started()}) == 3


@pytest.mark.usefixtures("fresh")
def test_a_process_that_is_ended_with_a_task_in_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = photographs(tmp_path / "set")
    expected = in_threads(str(root), monkeypatch, tmp_path, size=16).inputs[:]
    lazy = load_examples(str(root), size=16)
    for process in (stopped := started()):
        os.kill(process, signal.SIGSTOP)
    read = list[torch.Tensor]()
    reader = threading.Thread(target=lambda: read.append(lazy.inputs[:]))
    reader.start()
    wait_for(lambda: not DECODERS.processes)  # both have their task
    for process in stopped:
        os.kill(process, signal.SIGKILL)
    reader.join()
    assert torch.equal(read[0], expected)


@pytest.mark.usefixtures("fresh")
def test_processes_that_are_ended_again_and_again_are_given_up(tmp_path: Path) -> None:
    lazy = load_examples(str(photographs(tmp_path / "set")), size=16)

    def kill_and_ask() -> bool:
        for process in _asked_once():
            os.kill(process, signal.SIGKILL)
        return DECODERS._deaths >= 3

    wait_for(kill_and_ask)
    with DECODERS.asked(lambda: _NOTHING) as records:
        assert records is None
    assert len(lazy.inputs[:]) == len(lazy)
    DECODERS.close()
    assert started()  # what was long ago is forgotten


def _interrupted() -> Request:
    raise KeyboardInterrupt


@pytest.mark.usefixtures("fresh")
def test_a_process_that_we_end_ourselves_did_not_die(tmp_path: Path) -> None:
    load_examples(str(photographs(tmp_path / "set")), size=16)
    both = started()
    for process in both:
        os.kill(process, signal.SIGSTOP)  # it will not end when its pipes are closed
    with pytest.raises(KeyboardInterrupt), DECODERS.asked(_interrupted):
        pass
    left = DECODERS.processes
    for process in left:
        os.kill(process, signal.SIGCONT)
    assert len(left) == len(both) - 1
    assert DECODERS._deaths == 0


@pytest.mark.usefixtures("fresh")
def test_an_interpreter_that_does_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lazy = load_examples(str(photographs(tmp_path / "set")), size=16)
    for wrong in ("/bin/false", "/not/there"):
        DECODERS.close()
        monkeypatch.setattr(sys, "executable", wrong)
        wait_for(lambda: bool(_asked_once()) or DECODERS._deaths > 0)
        assert len(lazy.inputs[:]) == len(lazy)
        assert not DECODERS.processes


@pytest.mark.usefixtures("fresh")
def test_they_end_when_nobody_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoders_module, "_IDLE", 0.2)
    lazy = load_examples(str(photographs(tmp_path / "set")), size=16)
    before = started(most=1)
    wait_for(lambda: not any(map(is_alive, before)))
    assert len(lazy.inputs[:]) == len(lazy)
    assert DECODERS._deaths == 0


@pytest.mark.usefixtures("fresh")
def test_few_pictures_start_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoders_module, "_WORTH", 0.5)
    lazy = load_examples(str(photographs(tmp_path / "set")), size=16)
    lazy.inputs[:]
    assert (DECODERS.processes, DECODERS._count) == ([], 0)
    assert DECODERS._spent > 0


def test_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    assert most_decoders() == 2
    monkeypatch.setenv(HOW_MANY, "")
    for cores, most in ((1, 0), (2, 2), (16, 16)):
        monkeypatch.setattr(decoders_module, "usable_cores", lambda cores=cores: cores)
        assert most_decoders() == most
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert most_decoders() == 0
    for wrong in ("many", "-1", "1.5"):
        monkeypatch.setenv(HOW_MANY, wrong)
        with pytest.raises(InputError, match=r"JORYU_DECODERS is not a number of processes .*expected 0, 1, 2"):
            most_decoders()


def test_a_worker_is_light() -> None:
    script = """
        import sys
        from joryu.examples import decoder_process
        heavy = {"torch", "pyarrow", "pydantic", "scipy", "sklearn", "matplotlib"} & {*sys.modules}
        assert not heavy, heavy
    """
    subprocess.run([sys.executable, "-W", "error", "-c", textwrap.dedent(script)], check=True, timeout=60)
