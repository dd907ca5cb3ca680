"""Listening: small nods and an attentive look while somebody else speaks. Pure; one call a video frame.

People nod where a speaker pauses after a phrase, and now and then within a long one (Dittmann and Llewellyn 1968; Ward and Tsukahara 2000:
after some 0.7 s of speech, within about a second of the cue). The mouth is left alone.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from visavis.motion.layout import (
    ARKIT_INDEX,
    HEAD_ROTATION,
    head_euler_from_rotation,
    head_rotation_from_euler,
    rotation_from_6d,
    rotation_to_6d,
)
from visavis.timing import FRAME_RATE

SPEECH_OVER_FLOOR_DB, QUIETEST_SPEECH_DB = 9.0, -50.0
FLOOR_RISE_DB = 2.0 / FRAME_RATE
"""The noise floor follows what is quieter at once and rises by 2 dB a second."""

PHRASE_SECONDS, PAUSE_SECONDS = 0.7, 0.2
"""A pause this long after so much speech is a place to nod."""
NOD_AT_PAUSE = 0.75
"""Share of such pauses in which a listener nods."""
LONG_SPEECH_SECONDS = (3.0, 6.0)
"""Without a pause, a smaller nod comes after a time in this range."""
REST_SECONDS = 1.4
"""Between the beginnings of two nods, at least."""

NOD_SECONDS = 0.44
NOD_DEGREES = (2.6, 4.6)
SMALL_NOD = 0.6
AGAIN = 0.62
"""A nod that is repeated is this much as deep as the one before."""

INTEREST_SECONDS = 0.5
"""Time constant with which attention comes and goes."""
BROWS, LIDS = 0.07, 0.04
GLANCES_LEFT = 0.4
"""Of the glances, what is left at full attention: who listens looks at the speaker."""


@dataclass(frozen=True)
class Attention:
    """What listening adds to a frame. nod: degrees that the nose sinks. interest: 0..1."""

    nod: float = 0.0
    interest: float = 0.0


@dataclass(frozen=True)
class ListeningState:
    """Frames are counted in video frames. nods: how many nods there were, which numbers their chance. plan: depths (degrees) of the nods
    that are under way, from frame ``begun``."""

    frame: int = 0
    floor_db: float = -60.0
    spoken: int = 0
    paused: int = 10_000
    interest: float = 0.0
    nods: int = 0
    begun: int = -10_000
    plan: tuple[float, ...] = ()
    patience: int = round(LONG_SPEECH_SECONDS[0] * FRAME_RATE)


def listen(samples: NDArray[np.int16], state: ListeningState, seed: int = 0) -> tuple[Attention, ListeningState]:
    """One video frame of somebody else's voice (int16, any number of samples; none is silence)."""
    loudness = _loudness_db(samples)
    floor = min(loudness, state.floor_db + FLOOR_RISE_DB) if len(samples) else state.floor_db
    speaks = loudness > max(floor + SPEECH_OVER_FLOOR_DB, QUIETEST_SPEECH_DB)
    paused = 0 if speaks else state.paused + 1
    # a phrase goes on over short gaps; it is over once it was paused for long enough to nod
    pause_frames = round(PAUSE_SECONDS * FRAME_RATE)
    spoken = state.spoken + 1 if speaks else state.spoken if paused <= pause_frames else 0
    state = replace(state, frame=state.frame + 1, floor_db=floor, spoken=spoken, paused=paused)
    if state.frame - state.begun >= REST_SECONDS * FRAME_RATE:
        if paused == pause_frames and spoken >= PHRASE_SECONDS * FRAME_RATE:
            state = _nod(state, seed, NOD_AT_PAUSE, 1.0)
        elif speaks and spoken >= state.patience:
            state = _nod(replace(state, spoken=0), seed, 1.0, SMALL_NOD)
    present = 1.0 if paused < FRAME_RATE else 0.0
    interest = state.interest + (present - state.interest) / (INTEREST_SECONDS * FRAME_RATE)
    state = replace(state, interest=interest)
    return Attention(_depth(state), interest), state


def attend(frame: NDArray[np.float32], attention: Attention) -> None:
    """Add attention to a frame of motion, in place."""
    if attention.interest < 1e-3 and not attention.nod:
        return
    for name, more in (("browInnerUp", BROWS), ("eyeWideLeft", LIDS), ("eyeWideRight", LIDS)):
        frame[ARKIT_INDEX[name]] = min(1.0, frame[ARKIT_INDEX[name]] + more * attention.interest)
    glances = 1 - (1 - GLANCES_LEFT) * attention.interest
    for name, index in ARKIT_INDEX.items():
        if name.startswith("eyeLook"):
            frame[index] *= glances
    yaw, pitch, roll = head_euler_from_rotation(rotation_from_6d(frame[HEAD_ROTATION]))
    frame[HEAD_ROTATION] = rotation_to_6d(head_rotation_from_euler(yaw, pitch + attention.nod, roll))


def _nod(state: ListeningState, seed: int, chance: float, size: float) -> ListeningState:
    """Begin a nod of one to three dips, or let this chance go by."""
    generator = np.random.Generator(np.random.Philox(key=(seed, state.nods)))
    luck, depth, repeats, patience = generator.random(4)
    state = replace(state, nods=state.nods + 1, patience=round(float(np.interp(patience, (0, 1), LONG_SPEECH_SECONDS)) * FRAME_RATE))
    if luck > chance:
        return state
    deep = size * float(np.interp(depth, (0, 1), NOD_DEGREES))
    dips = 1 + (repeats > 0.45) + (repeats > 0.85)
    return replace(state, begun=state.frame, plan=tuple(deep * AGAIN**dip for dip in range(dips)))


def _depth(state: ListeningState) -> float:
    """Degrees that the nose is down now: each dip is a squared sine, so it begins and ends at rest."""
    dip, share = divmod((state.frame - state.begun) / (NOD_SECONDS * FRAME_RATE), 1.0)
    if not 0 <= dip < len(state.plan):
        return 0.0
    return state.plan[int(dip)] * float(np.sin(np.pi * share) ** 2)


def _loudness_db(samples: NDArray[np.int16]) -> float:
    if not len(samples):
        return -100.0
    return float(10 * np.log10(np.mean((samples.astype(np.float64) / 32768) ** 2) + 1e-10))
