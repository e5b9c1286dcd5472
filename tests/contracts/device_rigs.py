"""Devices with something at the other end of their lines. To add one: something that sends, and how to cut its line."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from joryu.errors import MissingExtraError
from joryu.labelling.devices import (
    Device,
    DeviceLostError,
    Recorder,
    Sample,
    open_device,
)
from joryu.labelling.devices.heart_rate import MEASUREMENT, SERVICE, BleHeartRate
from joryu.labelling.devices.lsl_outlet import LslOutlet

PATIENCE = 20.0  #: seconds after which something that should happen has not


def packet(payload: bytes) -> bytes:
    return b"\xaa\xaa" + bytes([len(payload)]) + payload + bytes([~sum(payload) & 0xFF])


RAW = packet(b"\x80\x02\x00\x28")


ESENSE = packet(b"\x02\x00\x04\x35\x05\x2f")


@dataclass
class Rig:
    """A device with something at the other end of its line."""

    device: Device
    signal: str  #: one that it delivers
    value: float | None  #: and what it is, where we choose
    mend: Callable[[], None] = lambda: None
    cut: Callable[[], None] | None = None  #: None: it has no line
    stop: Callable[[], None] = lambda: None
    absent: Device | None = None  #: one of its kind that is not there
    broken: bool = False  #: whether what it sends is broken now and then


class Sender:
    """A thread that calls ``send`` a hundred times a second until it is stopped."""

    def __init__(self, send: Callable[[], object]) -> None:
        self._done = threading.Event()
        self._send = send
        self._thread = threading.Thread(target=self._run, name="rig")
        self._thread.start()

    def _run(self) -> None:
        while not self._done.wait(0.01):
            try:
                self._send()
            except OSError:
                return

    def stop(self) -> None:
        self._done.set()
        self._thread.join()


class Server:
    """A socket that sends ``data`` to whoever connects."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._listener: socket.socket | None = None
        self._senders: list[Sender] = []
        self._peers: list[socket.socket] = []
        self.port = 0
        self.received = b""
        self.mend()

    def mend(self) -> None:
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        end = time.monotonic() + PATIENCE
        while True:
            try:
                self._listener.bind(("127.0.0.1", self.port))
                break
            except OSError:  # while nobody listened there, a connection of somebody else has begun at this port
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)
        self.port = self._listener.getsockname()[1]
        self._listener.listen()
        self._listener.settimeout(0.02)
        self._senders.append(Sender(self._serve))

    def _serve(self) -> None:
        assert self._listener is not None
        for peer in tuple(self._peers):
            try:
                peer.sendall(self._data)
            except OSError:  # that one hung up, and may come again
                self._peers.remove(peer)
                peer.close()
        try:
            peer, _ = self._listener.accept()
        except TimeoutError:
            return
        peer.settimeout(0.2)
        self._peers.append(peer)

    def cut(self) -> None:
        for sender in self._senders:
            sender.stop()
        for line in (*self._peers, self._listener):
            assert line is not None
            line.close()
        self._senders, self._peers = [], []

    stop = cut


class Terminal:
    """A pseudo-terminal behind a link that stays the same, as /dev/rfcomm0 does."""

    def __init__(self, link: Path) -> None:
        self.link = link
        self.mend()

    def mend(self) -> None:
        self._master, slave = os.openpty()
        self.link.symlink_to(os.ttyname(slave))
        os.set_blocking(self._master, False)
        self._slave = slave
        self._sender = Sender(self._write)

    def _write(self) -> None:
        try:
            os.write(self._master, RAW * 5 + ESENSE)
        except BlockingIOError:
            return  # nobody reads

    def cut(self) -> None:
        self._sender.stop()
        os.close(self._slave)
        os.close(self._master)
        self.link.unlink()

    stop = cut


class FakeBleak:
    """bleak as far as it is used: a scanner that finds a strap while one is worn, a client that notifies."""

    class BleakError(Exception):
        pass

    def __init__(self) -> None:
        self.worn = True
        self.clients: list[Any] = []
        outer = self

        class Scanner:
            @staticmethod
            async def find_device_by_filter(wanted: Callable[[Any, Any], bool], timeout: float) -> object | None:
                await asyncio.sleep(0)
                shown = SimpleNamespace(service_uuids=[SERVICE])
                return object() if outer.worn and wanted(None, shown) and timeout > 0 else None

        class Client:
            def __init__(self, _: object, disconnected_callback: Callable[[Any], None], timeout: float) -> None:
                self.lost, self.connected = disconnected_callback, False

            async def connect(self) -> None:
                if not outer.worn:
                    raise outer.BleakError("not found")
                self.connected = True
                outer.clients.append(self)

            async def start_notify(self, uuid: str, callback: Callable[[Any, bytearray], None]) -> None:
                assert uuid == MEASUREMENT
                self.loop, self.callback = asyncio.get_running_loop(), callback
                self.loop.call_later(0.01, self.beat)

            def beat(self) -> None:
                if self.connected and outer.worn:
                    self.callback(None, bytearray.fromhex("16480004"))
                    self.callback(
                        None, bytearray.fromhex("104800")
                    )  # half an interval: the rate is read, the packet counts as bad
                    self.callback(None, bytearray.fromhex("04c8"))  # 200 beats a minute, but no skin
                    self.loop.call_later(0.01, self.beat)

            async def disconnect(self) -> None:
                self.connected = False

        self.BleakScanner, self.BleakClient = Scanner, Client

    def cut(self) -> None:
        self.worn = False
        for client in self.clients:
            client.loop.call_soon_threadsafe(client.lost, client)
        self.clients = []

    def mend(self) -> None:
        self.worn = True


def served(data: bytes, spec: str, value: float) -> Rig:
    server = Server(data)
    return Rig(
        open_device(spec.format(server.port)), "attention", value, server.mend, server.cut, server.stop,
        absent=open_device(spec.format(1)),
    )  # fmt: skip


def serial_port(folder: Path) -> Rig:
    if sys.platform == "win32":
        pytest.skip("no pseudo-terminals here")
    line = Terminal(folder / "port")
    absent = open_device(f"thinkgear:{folder}/nothing")
    return Rig(open_device(f"thinkgear:{line.link}"), "attention", 53, line.mend, line.cut, line.stop, absent)


def socket_url(_: Path) -> Rig:
    return served(RAW * 5 + ESENSE, "thinkgear:socket://127.0.0.1:{}", 53)


def connector(_: Path) -> Rig:
    data = json.dumps({"eSense": {"attention": 53}, "poorSignalLevel": 0}).encode() + b"\r"
    return served(RAW + data, "thinkgear-tcp:127.0.0.1:{}", 53)


def heart_rate(_: Path) -> Rig:
    bleak, nobody = FakeBleak(), FakeBleak()
    nobody.worn = False
    return Rig(
        BleHeartRate(bleak=bleak), "heart_rate", 72, bleak.mend, bleak.cut,
        absent=BleHeartRate("AA:BB", bleak=nobody), broken=True,
    )  # fmt: skip


def lsl(_: Path) -> Rig:
    name = f"joryu-contract-{os.getpid()}"
    try:
        device, absent = open_device(f"lsl:{name}"), open_device("lsl:joryu-nobody-sends-this")
    except MissingExtraError as error:
        pytest.skip(f"liblsl is absent: {error}")
    held: dict[str, Any] = {}

    def mend() -> None:
        held["outlet"] = outlet = LslOutlet(name, ("attention",))
        held["sender"] = Sender(lambda: outlet.take([Sample(time.monotonic(), "attention", 53.0)]))

    def cut() -> None:
        if held:
            held.pop("sender").stop()
            held.pop("outlet").close()

    mend()
    try:
        device.open()
    except DeviceLostError:
        cut()
        pytest.skip("this machine's network has no multicast, which LSL needs to find a stream")
    device.close()
    return Rig(device, "attention", 53, mend, cut, cut, absent)


def brainflow(folder: Path) -> Rig:
    if importlib.util.find_spec("brainflow") is None:
        pytest.skip("brainflow is absent")
    device: Any = open_device("brainflow:synthetic")
    absent = open_device(f"brainflow:cyton,serial_port={folder}/nothing")
    return Rig(device, "eeg_1", None, cut=lambda: device._shim.release_session(), absent=absent)  # noqa: PLW0108 - only open has one


def replay_of_recording(folder: Path) -> Rig:
    recorder = Recorder(folder / "session.bin")
    for second in range(20):
        recorder.take([Sample(second + n / 100, "raw", float(n)) for n in range(100)])
        recorder.take([Sample(second + 1.0, "poor_signal", 0.0), Sample(second + 1.0, "attention", 53.0)])
    recorder.close()
    return Rig(open_device(f"replay:{folder}/session.bin,loop=yes,speed=10"), "attention", 53)


def replay_of_capture(folder: Path) -> Rig:
    (folder / "capture.bin").write_bytes((RAW * 512 + ESENSE) * 20 + RAW[:3])
    return Rig(open_device(f"replay:{folder}/capture.bin,loop=yes,speed=10"), "attention", 53)


def simulator(_: Path) -> Rig:
    return Rig(open_device("simulator:seed=3"), "attention", None)


RIGS: dict[str, Callable[[Path], Rig]] = {
    "thinkgear, serial port": serial_port,
    "thinkgear, socket": socket_url,
    "thinkgear-tcp": connector,
    "heart-rate": heart_rate,
    "lsl": lsl,
    "brainflow": brainflow,
    "replay, recording": replay_of_recording,
    "replay, capture": replay_of_capture,
    "simulator": simulator,
}
