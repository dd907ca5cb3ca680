"""Plans speech gestures on prosody: which kind when, strokes whose apex lies on stressed vowels, holds, rests. Times in seconds.

Nothing is planned on what a listener could not hear by then, apart from the accent a stroke goes to: hands come up after a phrase began,
and go down after it has ended and stayed silent.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from visavis.data.gesture_kinds import CODE, KIND_INDEX, KINDS, WAIST, Kind
from visavis.data.prosody import Prosody

Array = NDArray[np.float64]

STROKE_S = 6 / 30
"""From the beginning of a stroke to its apex."""
APEX_SPREAD_S = 0.03


@dataclass(frozen=True)
class Move:
    """One arm goes to ``target`` (ARM_VALUES,) from ``start`` on and arrives after ``seconds``."""

    start: float
    seconds: float
    target: Array


@dataclass(frozen=True)
class Plan:
    """kinds: (time, index into ``KINDS``); strokes: (beginning, apex); codes: (time, (CODE,)), all in order. moves: of each side."""

    kinds: tuple[tuple[float, int], ...]
    strokes: tuple[tuple[float, float], ...]
    codes: tuple[tuple[float, Array], ...]
    left: tuple[Move, ...]
    right: tuple[Move, ...]


class Planner:
    """Walks through the phrases of an utterance. amplitude: size of gestures, 1 is average. rate: readiness to gesture, 1 is average."""

    def __init__(self, prosody: Prosody, amplitude: float, rate: float, rng: np.random.Generator) -> None:
        self._prosody, self._amplitude, self._rate, self._rng = prosody, amplitude, rate, rng
        self._kinds: list[tuple[float, int]] = [(0.0, 0)]
        self._strokes: list[tuple[float, float]] = []
        self._codes: list[tuple[float, Array]] = [(0.0, np.zeros(CODE))]
        self._moves: dict[str, list[Move]] = {"left": [], "right": []}
        self._low = {"left": True, "right": True}

    def plan(self) -> Plan:
        phrases = self._prosody.phrases
        for index, phrase in enumerate(phrases):
            following = phrases[index + 1].start if index + 1 < len(phrases) else np.inf
            self._phrase(phrase.start, phrase.end, following)
        return Plan(tuple(self._kinds), tuple(self._strokes), tuple(self._codes), tuple(self._moves["left"]), tuple(self._moves["right"]))

    @property
    def _kind(self) -> Kind:
        return KINDS[self._kinds[-1][1]]

    def _phrase(self, start: float, end: float, following: float) -> None:
        rng = self._rng
        accents = [accent for accent in self._prosody.accents if start <= accent.time <= end]
        up = self._kind.gestures
        begins = up or rng.random() < min(0.78 * self._rate, 0.97)
        ready = start
        if begins and not up:
            # somewhere in the phrase, more often at its beginning
            begin = start + rng.uniform(0.0, 0.25) + (rng.uniform(0.3, 1.5) if rng.random() < 0.25 else 0.0)
            begins = any(accent.time > begin + 0.42 for accent in accents)
            ready = self._raise(begin) if begins else start
        strokes_left = int(rng.integers(2, 5))
        for accent in accents if begins else []:
            apex = accent.time + rng.normal(0, APEX_SPREAD_S)
            if apex - STROKE_S < ready or rng.random() > min(0.8 * self._rate**0.5, 0.97):
                continue
            ready = self._stroke(apex, accent.strength) + rng.uniform(0.08, 0.26)
            strokes_left -= 1
            if self._kind.then and rng.random() < 0.85:
                ready = self._raise(ready, KIND_INDEX[self._kind.then])
            elif strokes_left <= 0 and ready < end - 0.6:
                strokes_left = int(rng.integers(2, 5))
                if rng.random() < 0.15:
                    self._lower(ready, waist=rng.random() < 0.6)
                    ready = self._raise(ready + rng.uniform(0.9, 1.8))
                else:
                    ready = self._raise(ready)
            else:
                ready = self._recover(ready)
        self._after(end, following)

    def _after(self, end: float, following: float) -> None:
        """Hold, then rest, if silence lasts."""
        rng = self._rng
        lowered = end + rng.uniform(0.18, 0.42)
        if self._kind.gestures:
            if following < lowered:
                return
            waist = rng.random() < 0.3
            self._lower(max(lowered, self._kinds[-1][0] + 0.3, self._strokes[-1][1] + 0.15 if self._strokes else 0.0), waist)
        if self._kind.name == "waist":
            down = max(lowered, self._kinds[-1][0]) + rng.uniform(0.9, 1.8)
            if following > down:
                self._lower(down, waist=False)

    def _set(self, time: float, kind: int) -> None:
        self._kinds.append((time, kind))
        self._codes.append((time, np.clip(self._rng.standard_normal(CODE), -2.2, 2.2)))

    def _choose(self) -> int:
        weights = np.array([kind.weight * (kind is not self._kind) for kind in KINDS])
        return int(self._rng.choice(len(KINDS), p=weights / weights.sum()))

    def _raise(self, begin: float, kind: int | None = None) -> float:
        """Preparation of a gesture; returns when it is ready to strike."""
        self._set(begin, self._choose() if kind is None else kind)
        duration = 0.0
        for side in ("left", "right"):
            aim = getattr(self._kind, side)
            if aim is not None:
                seconds = self._rng.uniform(0.48, 0.66) if self._low[side] else self._rng.uniform(0.32, 0.42)
                self._move(side, begin, seconds, aim.at(-0.5, self._amplitude, self._codes[-1][1]))
                duration = max(duration, seconds)
                self._low[side] = False
            elif not self._low[side]:
                # the hand that is not needed waits low in front of the body
                self._move(side, begin, self._rng.uniform(0.6, 0.8), WAIST.at(0, self._amplitude, np.zeros(CODE)))
                self._low[side] = True
        return begin + duration

    def _stroke(self, apex: float, strength: float) -> float:
        begin = apex - STROKE_S
        code = np.clip(self._rng.standard_normal(CODE), -2.2, 2.2)
        self._strokes.append((begin, apex))
        self._codes.append((begin, code))
        self._each_aim(begin, STROKE_S, 0.25 + 0.4 * strength, code)
        return apex

    def _recover(self, begin: float) -> float:
        seconds = self._rng.uniform(0.32, 0.45)
        self._each_aim(begin, seconds, -0.5, self._codes[-1][1])
        # the next stroke may begin before all of the way back is made
        return begin + 0.6 * seconds

    def _lower(self, begin: float, waist: bool) -> None:
        self._set(begin, KIND_INDEX["waist" if waist else "rest"])
        seconds = self._rng.uniform(0.6, 0.8)
        for side in ("left", "right"):
            self._move(side, begin, seconds, getattr(self._kind, side).at(0, 1.0, np.zeros(CODE)))
            self._low[side] = True

    def _each_aim(self, begin: float, seconds: float, share: float, code: Array) -> None:
        for side in ("left", "right"):
            aim = getattr(self._kind, side)
            if aim is not None:
                self._move(side, begin, seconds, aim.at(share, self._amplitude, code))

    def _move(self, side: str, start: float, seconds: float, target: Array) -> None:
        self._moves[side].append(Move(start, seconds, target))
