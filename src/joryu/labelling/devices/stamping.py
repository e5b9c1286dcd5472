"""`Stamping`: convert a device's own times to this machine's clock, also if the device's clock is reset."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from joryu.labelling.devices.clock import ClockOffset
from joryu.labelling.devices.device import Reading, Sample

BACK_S = 0.05  #: if a device's time goes back by more, its clock was set back
STEP_S = 1.0  #: a time further in the future, or for `SETTLE_S` further in the past, means that the clock stepped
SETTLE_S, ARRIVALS = 1.0, 3  #: seconds, and number of arrivals, after which a step back is certain
SLOW = 0.1  #: while a better estimate lies before the latest stamp, stamps advance at this fraction of real time
PATIENCE_S, MOST_HELD = 10.0, 2**17  #: the longest time and the most readings held until a step is certain


class ClockNote(NamedTuple):
    """A comparison of the device's clock with ours.

    ``step_s``: by how much the device's clock stepped, negative for back, 0 for no step. ``sure``: whether the device's
    own times show the step; otherwise a slower connection may look the same.
    """

    at: float
    device_time: float
    offset_s: float
    step_s: float = 0.0
    sure: bool = True

    def facts(self) -> dict[str, float]:
        """The note as JSON-able numbers, for a recording."""
        found = {"at": self.at, "device_time": self.device_time, "offset_s": self.offset_s}
        return {**found, "step_s": self.step_s} if self.step_s else found


class Stamped(NamedTuple):
    """Readings on our clock, and notes about the device's clock."""

    samples: list[Sample]
    notes: list[ClockNote]


class _Arrival(NamedTuple):
    """Readings that arrived together, without a step of the clock between them."""

    now: float
    readings: list[Reading]
    newest: float  #: the latest device time among them; infinite if none has one

    @classmethod
    def of(cls, now: float, readings: list[Reading]) -> _Arrival:
        return cls(now, readings, max((r.device_time for r in readings if r.device_time is not None), default=math.inf))

    @property
    def first(self) -> float:
        """The first device time; infinite if there is none."""
        return next((r.device_time for r in self.readings if r.device_time is not None), math.inf)

    @property
    def span(self) -> float:
        """The time in which they were measured, until the next reading."""
        n = len(self.readings)
        return 0.0 if math.isinf(self.newest) else (self.newest - self.first) * (n / (n - 1) if n > 1 else 1.0)


class Stamping:
    """Gives readings a time on our clock: from the device's own time if it has one, else from their arrival.

    A device's clock may be set while it is read: by NTP, by a driver that restarts, by a machine that slept. Such a
    step shows in one of three ways, and the estimate of `ClockOffset` then starts anew with the first reading after:

    - The device's time goes back.
    - A reading would be from the future: the clock went forward.
    - All readings suddenly seem old (a step back during a pause), and do not catch up, as delayed readings would. This
      takes a second to decide; meanwhile readings are held, so that none gets a wrong stamp.

    Stamps are strictly increasing wherever the device's time is: a reading that a better estimate would put before an
    earlier stamp is put shortly after it.

    >>> stamping = Stamping()
    >>> for second in (0.0, 1.0, 2.0, -7.0, -6.0):  # set back by 10 seconds
    ...     found = stamping.take([Reading("raw", 1.0, second)], 100.0 + second + 10 * (second < 0))
    ...     print(found.samples[0].at, [note.step_s for note in found.notes if note.step_s])
    100.0 []
    101.0 []
    102.0 []
    103.0 [-10.0]
    104.0 []
    """

    def __init__(self) -> None:
        self._offset = ClockOffset()
        self._last = -math.inf  # the latest stamp that was given
        self._newest: float | None = None  # the device's latest time on the present clock
        self._since = math.inf  # when the present clock was read first
        self._arrived = -math.inf  # when readings came last
        self._held: list[_Arrival] = []

    @property
    def offset(self) -> float | None:
        """Seconds by which our clock is ahead of the device's; ``None`` before the first reading."""
        return self._offset.offset

    def take(self, readings: Sequence[Reading], now: float) -> Stamped:
        """Stamp readings that arrived ``now``; readings that are held are returned by a later call."""
        found = Stamped([], [])
        for arrival, stepped in self._stretches(readings, now):
            if math.isinf(arrival.newest):
                self._place(arrival, found)
            elif stepped:
                self._release(found)
                self._begin_anew([arrival], found, sure=True)
            elif self._late(arrival) > STEP_S:
                self._held.append(arrival)
                if self._is_a_step(now):
                    self._release(found)
            else:
                for held in (*self._pop_held(), arrival):
                    self._observe(held, found)
                    self._place(held, found)
        self._arrived = now
        return found

    def settle(self, now: float) -> Stamped:
        """Return readings that were held long enough, if nothing more came."""
        found = Stamped([], [])
        if self._held and now - self._held[0].now >= PATIENCE_S:
            self._release(found)
        return found

    def finish(self) -> Stamped:
        """Return all held readings after the connection broke; the next readings may come from another clock."""
        found = Stamped([], [])
        self._release(found)
        self._offset.forget()
        self._newest, self._since = None, math.inf
        return found

    # --- steps ------------------------------------------------------------------------------------------------------

    def _stretches(self, readings: Sequence[Reading], now: float) -> list[tuple[_Arrival, bool]]:
        """The readings, divided where the device's clock stepped; each part says whether it begins with a step.

        Readings before a step were measured earlier than those after it, so they count as arrived earlier.
        """
        limit, found = now, []
        for stepped, stretch in reversed(list(self._cut(readings, now))):
            arrival = _Arrival.of(limit, stretch)
            found.append((arrival, stepped))
            limit = max(min(limit, self._last), limit - arrival.span)
        return found[::-1]

    def _cut(self, readings: Sequence[Reading], now: float) -> Iterator[tuple[bool, list[Reading]]]:
        begun: list[Reading] = []
        newest = self._held[-1].newest if self._held else self._newest
        stepped, future = False, self._future(now)
        for reading in readings:
            at = reading.device_time
            if at is not None and newest is not None and (at < newest - BACK_S or at > future):
                if begun:
                    yield stepped, begun
                begun, newest, stepped = [], at, True
                future = at + now - self._arrived + STEP_S  # the rest was measured since the last arrival
            begun.append(reading)
            if at is not None:
                newest = at if newest is None else max(newest, at)
        yield stepped, begun

    def _future(self, now: float) -> float:
        """The earliest impossible device time; infinite while the estimate is young and may be from a late reading."""
        offset = self._offset.offset
        return math.inf if offset is None or now - self._since < SETTLE_S else now + STEP_S - offset

    def _late(self, arrival: _Arrival) -> float:
        offset = self._offset.offset
        return 0.0 if offset is None else arrival.now - arrival.newest - offset

    def _is_a_step(self, now: float) -> bool:
        """Whether the held readings come from a stepped clock, and not from a connection that catches up."""
        first, waited = self._held[0], now - self._held[0].now
        if waited >= PATIENCE_S or sum(len(held.readings) for held in self._held) > MOST_HELD:
            return True
        catching_up = self._late(first) - self._late(self._held[-1]) > waited / 4
        return waited >= SETTLE_S and len(self._held) >= ARRIVALS and not catching_up

    def _release(self, found: Stamped) -> None:
        """Stamp the held readings by a new estimate of their own."""
        if held := self._pop_held():
            self._begin_anew(held, found, sure=False)

    def _pop_held(self) -> list[_Arrival]:
        held, self._held = self._held, []
        return held

    def _begin_anew(self, arrivals: list[_Arrival], found: Stamped, *, sure: bool) -> None:
        before = self._offset.offset
        self._offset.forget()
        self._newest, self._since = None, math.inf
        for arrival in arrivals:
            self._observe(arrival, Stamped([], []))
        after, last = self._offset.offset, arrivals[-1]
        if before is not None and after is not None and abs(before - after) > BACK_S:
            found.notes.append(ClockNote(last.now, last.newest, after, before - after, sure))
        for arrival in arrivals:
            self._place(arrival, found)

    # --- stamps -----------------------------------------------------------------------------------------------------

    def _observe(self, arrival: _Arrival, found: Stamped) -> None:
        self._since = min(self._since, arrival.now)
        begins = self._offset.observe(arrival.newest, arrival.now)
        if begins and self._offset.offset is not None:
            found.notes.append(ClockNote(arrival.now, arrival.newest, self._offset.offset))

    def _place(self, arrival: _Arrival, found: Stamped) -> None:
        """Stamp readings by the estimate; if that is before the latest stamp, shortly after the latter."""
        now, readings, newest = arrival
        offset, reached = self._offset.offset or 0.0, self._reached(arrival)
        slope = self._slope(newest - reached, now)
        way, at = 0.0, self._last
        for signal, value, taken in readings:
            if taken is None:
                found.samples.append(Sample(now, signal, value))
                continue
            way = max(way, taken - reached)
            at = max(at, min(now, max(taken + offset, self._last + slope * way)))
            found.samples.append(Sample(at, signal, value))
        self._last = at
        if not math.isinf(newest):
            self._newest = newest if self._newest is None else max(newest, self._newest)

    def _reached(self, arrival: _Arrival) -> float:
        """The device time of the latest stamp; on a new clock, as if one more reading had come before these."""
        if self._newest is not None:
            return self._newest
        return (
            0.0
            if math.isinf(arrival.newest)
            else arrival.first - (arrival.newest - arrival.first) / len(arrival.readings)
        )

    def _slope(self, way: float, now: float) -> float:
        """The speed at which stamps advance while the estimate is before the latest one: slow, and never past now."""
        if math.isinf(self._last) or not 0 < way < math.inf:
            return 0.0
        return max(0.0, min(SLOW, (now - self._last) / way))
