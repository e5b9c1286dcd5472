"""What the experiments on a cloned API have in common: its pictures, the network behind it, and its answers.

The black box is somebody else's network: MobileNetV2, trained on ImageNet and quantised by its authors (1,001 classes).
`joryu serve` puts it behind an address in the shape of Google's label detection, and it is asked there as an API is,
over HTTP, once about each picture, into a ledger that the experiments share. It gives its ten best tags from 0.02 up,
in steps of 1/256, and of every other tag only a bound is known. Evaluation alone looks behind the address: at the
logits before they are rounded to scores, about pictures that nobody learns from.

Transfer set: Tiny ImageNet at 64 × 64. Its labels are not used. Of its 20,000 training pictures four in five are
learned from and the others choose settings; its 5,000 validation pictures judge and do nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import NamedTuple
from urllib.parse import urlsplit

import torch
from torch import Tensor

from joryu.errors import InputError, JoryuError
from joryu.examples import Examples, data_root, load_examples, split_examples
from joryu.experiments.experiment import Setting
from joryu.experiments.small_api import small_network, small_pictures
from joryu.listening.address import listen
from joryu.remote import Api, Ledger, Options, collect, find_credentials, google_vision
from joryu.remote.ledger import FILE, Settled
from joryu.remote.vocabulary import Vocabulary
from joryu.serving.web.app import Served, create_app
from joryu.serving.web.limits import RequestLimits
from joryu.serving.web.opening import open_model
from joryu.serving.web.server import server_of
from joryu.targets import Store
from joryu.teachers import find_teacher
from joryu.teachers.asked_pictures import pictures_of
from joryu.teachers.labelling import label_examples
from joryu.teachers.recorded import Recorded, keys_of
from joryu.training.checkpoint import TrainingProgress

MOST, FLOOR = 10, 0.02  #: tags of an answer, and the least score of one
PRICE = 1.5  #: US dollars for 1,000 answers, by Google's list
SIDE = 64  #: at which the student sees pictures; the API is sent their files
LEARN, CHOOSE = 0.8, 0.2
SPLIT_SEED = 0
JUDGED = 10  #: of so many pictures a tag is relevant, to have an average precision of its own

NETWORK, LOGITS = "mobilenet_v2_1.0_224_quant.tflite", "MobilenetV2/Logits/Squeeze1"
_PART = 1000  #: answers copied at a time


class CloneParts(NamedTuple):
    """The pictures that are learned from, that choose settings, and that judge; no labels."""

    learn: Examples
    choose: Examples
    judge: Examples


class Behind(NamedTuple):
    """The network behind the API, as a teacher's spec, and another spec by which its logits are read."""

    served: str
    logits: str


def cloned_parts(setting: Setting) -> CloneParts:
    """The three parts, the same for every seed; at smoke size scikit-learn's digits, as files.

    A picture that judges is learned from by nobody: one of the training pictures is also among those for validation.

    Raises:
        InputError: the pictures are not under ``JORYU_DATA``.
    """
    if setting.smoke:
        learn, choose, judge = split_examples(small_pictures(setting.shared), [0.5, 0.2, 0.3], seed=SPLIT_SEED)
    else:
        judge = load_examples("tiny_imagenet", split="validation", size=SIDE)
        learn, choose = split_examples(
            load_examples("tiny_imagenet", split="train", size=SIDE), [LEARN, CHOOSE], seed=SPLIT_SEED
        )
    judges = {words.tobytes() for words in judge.ids}
    learn = learn.select(torch.tensor([words.tobytes() not in judges for words in learn.ids]).nonzero().flatten())
    return CloneParts(*(unlabelled(part) for part in (learn, choose, judge)))


def unlabelled(examples: Examples) -> Examples:
    """The pictures alone: neither labels nor the question that these answer."""
    return replace(examples, labels=None, question=None)


def network_behind(setting: Setting) -> Behind:
    """The network that is cloned; at smoke size a small one that learned digits here.

    Raises:
        InputError: the network is not under ``JORYU_DATA``.
    """
    if setting.smoke:
        spec = f"run:{small_network(setting)}"
        return Behind(spec, spec)
    path = data_root() / "tflite_imagenet" / NETWORK
    if not path.is_file():
        raise InputError(f"{NETWORK} is not in {path.parent}", hint="set JORYU_DATA; TensorFlow published it")
    return Behind(f"tflite:{path}", f"tflite:{path},tensor={LOGITS}")


@contextmanager
def serving(spec: str, port: int = 0) -> Iterator[str]:
    """Serve a network in the place of a vision API, as ``joryu serve SPEC --min-score 0.02`` does; give the address.

    Raises:
        InputError: the port is taken.
    """
    limits = RequestLimits()
    with listen("127.0.0.1", port, 0) as listening:
        server = server_of(create_app(open_model(spec), Served(limits, least=FLOOR)), limits)
        thread = Thread(target=server.run, kwargs={"sockets": [listening]}, name="served", daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def api_at(address: str) -> Api:
    """Google's label detection at another address, with the length of its list and its floor."""
    google = google_vision(address, max_results=MOST, longest_side=None, price=PRICE)
    return google.model_copy(update={"answer": google.answer.model_copy(update={"floor": FLOOR})})


def ask(setting: Setting, examples: Examples) -> Ledger:
    """The ledger of the API's answers, after it was asked about those of ``examples`` that it was not asked about yet.

    Raises:
        JoryuError: the asking stopped before its end.
    """
    folder = setting.shared / "cloned-api.ledger"
    if (known := _ledger(folder)) is not None and not known.missing(keys_of(examples.ids)):
        return known
    port = 0 if known is None else urlsplit(Api.from_settings(known.settings).endpoint).port or 0
    with serving(network_behind(setting).served, port) as address:
        api = api_at(address)
        with Ledger.write(folder, api.settings) as ledger, setting.watching("asking the API") as watch:
            ledger.keep_price(PRICE)
            options = Options(progress=lambda done, total: watch(TrainingProgress(step=done), total, 1))
            done = collect(api, ledger, find_credentials(api, {}), pictures_of(examples), options=options)
    if done.stop is not None:
        raise done.stop
    if done.failed:
        raise JoryuError(f"the API did not answer about {done.failed} of {len(examples)} pictures")
    return Ledger.read(folder)


def _ledger(folder: Path) -> Ledger | None:
    return Ledger.read(folder) if (folder / FILE).is_file() else None


def cut_at(ledger: Ledger, floor: float) -> Ledger:
    """The ledger of an API that returned no score below a higher floor, and else the same; nobody is asked anything.

    It lies beside the other.
    """
    place = ledger.folder.with_name(f"{ledger.folder.name}-from-{floor:g}")
    settings = {**ledger.settings, "answer": {**ledger.settings["answer"], "floor": floor}}
    labels = ledger.settings["answer"]["tags"]
    with Ledger.write(place, settings) as cut:
        cut.keep_price(ledger.price)
        answers = dict(ledger.every_answer())
        missing = cut.missing(list(answers))
        for start in range(0, len(missing), _PART):
            part = missing[start : start + _PART]
            request = cut.intend(part, units=len(part))
            cut.settle(request, Settled("200", len(part), {one: _above(answers[one], labels, floor) for one in part}))
    return Ledger.read(place)


def _above(raw: bytes, labels: str, floor: float) -> bytes:
    said = json.loads(raw)
    kept = [tag for tag in said.get(labels, ()) if tag["score"] >= floor]
    return json.dumps({labels: kept} if kept else {}).encode()


def vocabulary_from(ledger: Ledger, examples: Examples) -> Vocabulary:
    """The tags that the API returned about these examples, as whoever paid for them would know."""
    raw = ledger.raw(keys_of(examples.ids)).values()
    return Vocabulary.of(raw, Api.from_settings(ledger.settings))


def recorded(ledger: Ledger, examples: Examples) -> Recorded:
    """A teacher that gives the API's recorded answers, about the tags that came in those to the examples."""
    return Recorded(ledger, vocabulary_from(ledger, examples))


class Truth(NamedTuple):
    """What the network behind the API thinks of some pictures, before its scores are rounded and cut.

    ``probs`` is ``[n, C]``, over the outputs ``names``.
    """

    probs: Tensor
    names: tuple[str, ...]

    @property
    def relevant(self) -> Tensor:
        """Which tags the API could return about a picture, were its list long enough: bool ``[n, C]``."""
        return self.probs >= FLOOR

    @property
    def frequent(self) -> Tensor:
        """The tags that are relevant for ten pictures or more, which are enough for an average precision: ``[C]``."""
        return self.relevant.sum(0) >= JUDGED


def untruncated(setting: Setting, examples: Examples) -> Truth:
    """The network's own probabilities for these examples; kept in a store that the experiments share."""
    teacher, shown = find_teacher(network_behind(setting).logits, examples)
    store: Store = label_examples(teacher, shown, setting.shared / "untruncated")
    return Truth(store.gather(store.rows(examples.ids, 0)).probs(1.0), store.manifest.question.names)
