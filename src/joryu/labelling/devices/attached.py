"""`Attached`: read a device in the background, and reopen it when it is lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Self

from joryu.errors import JoryuError
from joryu.labelling.devices.device import Device, DeviceLostError, Reading, Sink
from joryu.labelling.devices.history import History
from joryu.labelling.devices.signals import BANDS, ESENSE
from joryu.labelling.devices.stamping import ClockNote, Stamped, Stamping
from joryu.labelling.devices.state import DeviceState, Status

POLL_S = 0.1  #: the longest wait of one read, and so about the time that stopping takes
FIRST_RETRY_S, LAST_RETRY_S = 0.5, 30.0  #: wait before reopening; doubled after each failure
TELL_S = 60.0  #: how long `DeviceState.reason` reports that the device's clock stepped
_LIVE = frozenset({*BANDS, *ESENSE, "poor_signal", "heart_rate"})


class Attached:
    """A device that is read in a background thread. Calls never block, and never raise because of the device.

    Headsets may stop sending without an error, so a device that is silent for ``silence_s`` seconds counts as lost. A
    lost device is reopened after 0.5 s, 1 s, 2 s … 30 s. A device that sends packets without values (a strap without
    skin contact) is not silent. Every sample is stamped on ``clock`` (the server's monotonic clock), from the device's
    own time if it has one, else from the time of arrival; the samples of a signal are in order of time. If the
    device's clock is set back or forward, nothing is lost (`Stamping`), and ``reason`` says so for a minute.

    Args:
        device: a device from `open_device`.
        sinks: receive every sample, for example a `Recorder` or an `LslOutlet`. After an ``OSError`` (a full disk) a
            sink is tried again; after any other error it is closed and left out. ``reason`` says so. They are closed
            together with this object.
        silence_s: seconds without a reading or a packet after which the device counts as lost.
        clock: a monotonic clock in seconds.

    >>> from joryu.labelling.devices import open_device
    >>> with Attached(open_device("simulator:seed=1")) as attached:
    ...     attached.wait_for_data(10)
    ...     attached.state().status.value
    True
    'connected'
    """

    def __init__(
        self,
        device: Device,
        *,
        sinks: Sequence[Sink] = (),
        silence_s: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.device = device
        self.history = History()
        self._sinks = list(sinks)
        self._silence_s, self._clock = silence_s, clock
        self._stamping = Stamping()
        self._step: ClockNote | None = None  # the latest step of the device's clock
        self._steps = 0
        self._status, self._complaint = Status.WAITING, ""
        self._troubles: dict[int, str] = {}  # errors of sinks that cannot take samples at present
        self._reason: str | None = None
        self._heard: float | None = None  # when something came last
        self._opened: float | None = None  # when the device was opened, while it is
        self._spoke, self._packets = -float("inf"), 0  # when a reading or a packet came last, how many of these then
        self._retry_at, self._delay = -float("inf"), FIRST_RETRY_S
        self._connections = 0
        self._stopping, self._data = threading.Event(), threading.Event()
        self._sinking = threading.RLock()
        self._thread: threading.Thread | None = None

    # --- life -------------------------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Start the reading thread, which runs until `stop`."""
        self._thread = threading.Thread(target=self._run, name="joryu-device", daemon=True)
        self._thread.start()
        return self

    def stop(self, timeout: float = 10.0) -> None:
        """Stop reading; close the device and the sinks. Calling it again does nothing."""
        self._stopping.set()
        if self._thread is None:
            self._finish()
        else:
            self._thread.join(timeout)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        """Whether the reading thread is alive."""
        return self._thread is not None and self._thread.is_alive()

    def wait_for_data(self, timeout: float) -> bool:
        """Wait at most ``timeout`` seconds for the first reading; returns whether it has come."""
        return self._data.wait(timeout)

    def _run(self) -> None:
        try:
            while not self._stopping.is_set() and self._status is not Status.ENDED:
                self.step()
        finally:
            self._finish()

    def _finish(self) -> None:
        self._close_device()
        if self._status is not Status.ENDED:
            self._become(Status.ENDED, "stopped")
        with self._sinking:
            for sink in tuple(self._sinks):
                self.remove(sink)

    # --- one step ---------------------------------------------------------------------------------------------------

    def step(self) -> None:
        """One step of the reading thread: open the device if it is time, or read it once."""
        try:
            if self._opened is None:
                self._open_when_due()
                return
            readings = self.device.read(POLL_S)
            now = self._clock()
            self._keep(self._stamping.settle(now))
            if readings:
                self._take(readings, now)
            elif self.device.counts.packets != self._packets:
                self._speaks(now)
            elif now - max(self._opened, self._spoke) > self._silence_s:
                self._lose(f"nothing came for {self._silence_s:g} s", now)
        except DeviceLostError as error:
            self._lose(str(error), self._clock())
        except JoryuError as error:  # a recording has ended, or a file is not one: trying again does not help
            self._close_device()
            self._become(Status.ENDED, str(error))
        except Exception as error:  # noqa: BLE001 - drivers raise anything, and labelling must go on
            self._lose(f"{type(error).__name__}: {error}", self._clock())

    def _open_when_due(self) -> None:
        wait = self._retry_at - self._clock()
        if wait > 0:
            self._stopping.wait(min(wait, POLL_S))
            return
        self.device.open()
        self._opened = self._clock()
        self._packets = self.device.counts.packets

    def _take(self, readings: Sequence[Reading], now: float) -> None:
        self._heard = now
        self._speaks(now)
        self._keep(self._stamping.take(readings, now))
        self._data.set()

    def _keep(self, stamped: Stamped) -> None:
        for note in stamped.notes:
            if note.step_s:
                self._step, self._steps = note, self._steps + 1
            self._tell("clock", note.facts())
        if stamped.samples:
            samples = self.history.add(stamped.samples)
            self._each_sink(lambda sink: sink.take(samples))

    def _speaks(self, now: float) -> None:
        self._spoke, self._delay, self._packets = now, FIRST_RETRY_S, self.device.counts.packets
        if self._status is not Status.CONNECTED:
            self._connections += 1
            self._become(Status.CONNECTED, None)

    def _lose(self, reason: str, now: float) -> None:
        self._close_device()
        self._retry_at = now + self._delay
        self._delay = min(2 * self._delay, LAST_RETRY_S)
        self._become(Status.LOST if self._connections else Status.WAITING, reason)

    def _close_device(self) -> None:
        self._opened = None
        with suppress(Exception):  # drivers raise anything
            self.device.close()
        self._keep(self._stamping.finish())  # the device may restart its clock

    def _become(self, status: Status, reason: str | None) -> None:
        changed = status is not self._status
        self._status, self._reason = status, reason
        if changed:
            self._tell("status", {"at": self._clock(), "status": str(status), "reason": reason})

    # --- sinks ------------------------------------------------------------------------------------------------------

    def _tell(self, what: str, facts: dict[str, Any]) -> None:
        self._each_sink(lambda sink: sink.note(what, facts))

    def add(self, sink: Sink) -> None:
        """Give a sink every sample from now on, for example when a session begins."""
        with self._sinking:
            self._sinks.append(sink)

    def remove(self, sink: Sink) -> None:
        """Close a sink and stop using it, for example when a session ends. Calling it again does nothing."""
        with self._sinking:
            if sink in self._sinks:
                self._sinks.remove(sink)
                self._troubles.pop(id(sink), None)
                try:
                    sink.close()
                except OSError as error:
                    self._complaint = f"{type(sink).__name__} lost what it could not write: {_in_words(error)}"
                except Exception as error:  # noqa: BLE001 - as below
                    self._complaint = f"{type(sink).__name__} did not end well: {error}"

    def _each_sink(self, do: Callable[[Sink], None]) -> None:
        with self._sinking:
            for sink in tuple(self._sinks):
                try:
                    do(sink)
                except OSError as error:  # a full disk may have space again later
                    self._troubles[id(sink)] = f"{type(sink).__name__} waits, and tries again: {_in_words(error)}"
                except Exception as error:  # noqa: BLE001 - a failed sink must not stop the others
                    self.remove(sink)
                    self._complaint = f"{type(sink).__name__} stopped: {error}"
                else:
                    self._troubles.pop(id(sink), None)

    # --- what is known ----------------------------------------------------------------------------------------------

    def now(self) -> float:
        """The present time on the clock of the samples, in seconds."""
        return self._clock()

    def window(self, start: float, stop: float) -> dict[str, float | None]:
        """The mean of each signal from ``start`` to ``stop`` (`History.window`); ``None`` where it is not known."""
        return self.history.window(start, stop)

    def state(self) -> DeviceState:
        """A snapshot of the device's state."""
        now = self._clock()
        held = self.history.window(now, now, _LIVE)
        battery, heard, counts = self.history.last("battery"), self._heard, self.device.counts
        bands = {name: power for name in BANDS if (power := held.get(name)) is not None}
        troubles = list(self._troubles.values())
        reasons = [one for one in (self._reason, self._complaint, *troubles, self._clock_reason(now)) if one]
        return DeviceState(
            device=self.device.name,
            status=self._status,
            reason="; ".join(reasons) or None,
            poor_signal=held.get("poor_signal"),
            attention=held.get("attention"),
            meditation=held.get("meditation"),
            heart_rate=held.get("heart_rate"),
            bands=bands,
            battery=battery,
            packets=counts.packets,
            bad=counts.bad,
            age=None if heard is None else max(0.0, now - heard),
            clock_offset=self._stamping.offset,
            clock_steps=self._steps,
            reconnections=max(0, self._connections - 1),
        )

    @property
    def complaint(self) -> str:
        """The error of a sink that was given up; empty if there is none."""
        return self._complaint

    def _clock_reason(self, now: float) -> str:
        step = self._step
        if step is None or now - step.at > TELL_S:
            return ""
        way = "back" if step.step_s < 0 else "forward"
        doubt = "" if step.sure else ", or its line became slower"
        return f"its clock stepped {way} by {abs(step.step_s):.1f} s{doubt}; nothing was lost"


def _in_words(error: OSError) -> str:
    """The system's message without the path, because it is shown on the page."""
    return error.strerror or type(error).__name__
