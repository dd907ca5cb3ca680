"""When motion is made of what: audio in order and on time, idle in between, interruption at once. Pure: time is passed in, nothing waits
here.

Rules, in the order in which they matter:

* The motion of an utterance depends on its audio and the seed only. Its stage state starts fresh with it, gaps are silence, repeats are
  dropped, and no clock reaches it. When audio stalls, the motion made of what was heard so far is completed on a copy of the state; if
  the audio comes back, the real state goes on, and frames that were given early are given again, as they must be.
* Media time of an utterance is anchored once, by the stamp of its first chunk. A stamp of zero or more than 5 s from the arrival is no
  stamp: the utterance is anchored at its arrival. Within an utterance time runs by sample index; it is anchored anew only where stamps
  jump by more than a quarter of a second against the index, or where audio comes more than ``max_lag`` late.
* A new utterance wins from its first stamp on: audio of older ones that is queued for later is void, and what still comes of the one
  before is ignored.
* Audio that comes faster than real time waits until ``max_ahead`` before its time. What exceeds ``queue_seconds`` is dropped and counted;
  the hole is a gap like any other.
* Without speech the stage is fed zeros (utterance 0). Its idle state lives on between utterances, so that breathing and blinking have no
  seam. Body and hands go on from where the utterance left them, and glide from where they were seen if it was interrupted. What somebody
  else says (``overhear``) makes idle attentive, a frame of sound for a frame of motion.
* Everything given is steered on its way out (see motion.steering). What is steered glides over the ends of utterances; with nothing asked
  for, motion passes untouched.
"""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from visavis.audio.assembler import Assembler, GapTooLongError
from visavis.motion.limbs import LimbGlide, glide_from, glide_on
from visavis.motion.listening import ListeningState, attend, listen
from visavis.motion.steering import Steering, at_rest, steer
from visavis.motion.styles import Manner
from visavis.timing import FRAME_RATE, NANOSECONDS, SAMPLE_RATE, SAMPLES_PER_3_FRAMES, frame_to_ns, sample_to_ns
from visavis.types import IDLE_UTTERANCE, AudioChunk, MotionChunk

MAX_STAMP_ERROR_NS = 5 * NANOSECONDS
"""A stamp further from its arrival than this belongs to another clock or to a recording."""
MAX_JUMP_NS = NANOSECONDS // 4
MAX_CLOCK_JUMP_NS = 2 * NANOSECONDS
OVERHEARD_SAMPLES = SAMPLE_RATE // 2
PIECE_SAMPLES = SAMPLES_PER_3_FRAMES
"""Longer chunks are worked off in pieces of a tenth of a second, so that an interruption never waits long."""
SHOW_MARGIN_NS = 60_000_000
"""What control and drawing need: an interruption is stamped so much after the picture that is on the screen."""

State = TypeVar("State")


class MotionStageLike(Protocol[State]):
    """What the schedule needs of ``motion.stage.MotionStage``."""

    @property
    def latency_samples(self) -> int: ...

    def initial_state(self) -> State: ...

    def step(self, samples: NDArray[np.int16], state: State, final: bool = False) -> tuple[NDArray[np.float32], State]: ...

    def with_manner(self, state: State, manner: Manner) -> State: ...

    def take_up(self, state: State, before: State) -> State: ...


@dataclass(frozen=True)
class ScheduleConfig:
    """idle_after: seconds without audio after which idle begins. max_ahead: seconds. queue_seconds: audio held at most.

    playout_delay: seconds between media time and the screen; an interruption is stamped accordingly. max_lag: seconds. seed: of nods.
    """

    idle_after: float = 0.3
    max_ahead: float = 0.5
    queue_seconds: float = 60.0
    playout_delay: float = 0.43
    max_lag: float = 1.0
    seed: int = 0


@dataclass
class _Heard:
    """The utterance that arrives. ``shift_ns`` is what its stamps are moved by, for an utterance that came too late."""

    utterance_id: int
    start_ns: int
    session: int
    shift_ns: int = 0
    next_sample: int = 0
    ended: bool = False
    ignored: bool = False


@dataclass(frozen=True)
class _Piece:
    chunk: AudioChunk
    session: int
    start_ns: int


@dataclass
class _Speech(Generic[State]):
    """The utterance that is being turned into motion."""

    utterance_id: int
    session: int
    start_ns: int
    assembler: Assembler
    state: State
    next_frame: int
    ended: bool = False
    stalled: bool = False


@dataclass
class MotionSchedule(Generic[State]):
    """Feeds a motion stage. ``hear`` and ``interrupt`` note what happens, ``advance`` does one small piece of work and returns motion.

    counters: gaps, gap_samples, repeats, drops, ... since the beginning. tell: called with (key, message) for what a user should know.
    """

    stage: MotionStageLike[State]
    config: ScheduleConfig
    now_ns: int
    tell: Callable[[str, str], None] = lambda key, message: None
    counters: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._pending: deque[_Piece] = deque()
        self._pending_samples = 0
        self._heard: _Heard | None = None
        self._replaced_id: int | None = None
        self._speech: _Speech[State] | None = None
        self._sessions = 0
        self._last_arrival_ns = self.now_ns
        self._overheard = np.zeros(0, np.int16)
        self._listening = ListeningState()
        self._wanted = Steering()
        self._steered = at_rest()
        self._idle_state = self.stage.initial_state()
        self._left: State | None = None
        self._given: deque[tuple[int, NDArray[np.float32]]] = deque(maxlen=2 * FRAME_RATE)
        self._glide: LimbGlide | None = None
        self._idle_frame = 0
        self._next_stamp_ns = self.now_ns
        self._flush = False
        for name in ("gaps", "gap_samples", "repeats", "drops", "voided", "ignored", "anchored", "utterances", "interruptions"):
            self.counters[name] += 0

    @property
    def queued_seconds(self) -> float:
        return self._pending_samples / SAMPLE_RATE

    @property
    def idle(self) -> bool:
        return not self._speaking()

    def hear(self, chunk: AudioChunk, arrival_ns: int) -> None:
        """Note a chunk that arrived at ``arrival_ns``."""
        heard = self._heard
        if chunk.utterance_id == self._replaced_id and chunk.first_sample:
            self.counters["ignored"] += 1
            return
        if heard is None or self._begins_anew(heard, chunk, arrival_ns):
            heard = self._begin(chunk, arrival_ns)
        elif heard.ignored:
            self.counters["ignored"] += 1
            return
        else:
            self._check_time(heard, chunk, arrival_ns)
        self._last_arrival_ns = arrival_ns
        heard.next_sample = max(heard.next_sample, chunk.next_sample)
        heard.ended |= chunk.end_of_utterance
        if self._pending_samples + len(chunk.samples) > self.config.queue_seconds * SAMPLE_RATE:
            self.counters["drops"] += 1
            self.tell("queue", f"audio comes too fast: more than {self.config.queue_seconds:g} s are waiting, a chunk was dropped")
            if not chunk.end_of_utterance:
                return
            chunk = AudioChunk(chunk.utterance_id, chunk.first_sample, chunk.samples[:0], chunk.stamp_ns, end_of_utterance=True)
        for piece in _pieces(chunk):
            self._pending.append(_Piece(piece, heard.session, heard.start_ns))
        self._pending_samples += len(chunk.samples)

    def overhear(self, samples: NDArray[np.int16]) -> None:
        """Note what somebody else says, int16 at 16 kHz; only the latest half second is of interest."""
        self._overheard = np.concatenate([self._overheard, samples])[-OVERHEARD_SAMPLES:]

    @property
    def wanted(self) -> Steering:
        """What is asked of the motion now."""
        return self._wanted

    def steer(self, wanted: Steering) -> None:
        """Ask for something else, from the next frame that is given on."""
        self._wanted = wanted
        self._idle_state = self.stage.with_manner(self._idle_state, wanted.manner)
        if self._speech is not None:
            self._speech.state = self.stage.with_manner(self._speech.state, wanted.manner)

    def interrupt(self) -> float:
        """Forget what is queued and the rest of the present utterance; the next ``advance`` gives idle that replaces what is on its way.

        Returns how many seconds of audio were dropped.
        """
        seconds = self.queued_seconds
        self._pending.clear()
        self._pending_samples = 0
        self._speech = None
        if self._heard is not None and not self._heard.ended:
            self._heard.ignored = True
        self._flush = True
        self.counters["interruptions"] += 1
        return seconds

    def advance(self, now_ns: int) -> list[MotionChunk]:
        """Do what is due at ``now_ns``: at most one piece of audio, or one piece of idle. Empty if nothing was due or nothing came of it.

        An error of the stage ends the utterance it happened in; the error is passed on.
        """
        self._follow_clock(now_ns)
        if self._flush:
            return self._flush_now(now_ns)
        if self._pending and self._due_ns(self._pending[0]) <= now_ns:
            return self._advance_speech(self._pending[0])
        speech = self._speech
        if speech is not None and not self._pending and self._speaking() and now_ns >= self._stall_ns():
            return self._stall(speech)
        if self._idle_due(now_ns):
            return self._advance_idle()
        return []

    def wake_ns(self) -> int:
        """When ``advance`` has something to do again, if nothing else happens."""
        if self._flush:
            return 0
        times = [self._due_ns(self._pending[0])] if self._pending else []
        if not self._speaking():
            times.append(self._next_stamp_ns)
        elif not self._pending:
            times.append(self._stall_ns())
        return min(times, default=self._next_stamp_ns)

    # Arrival.

    def _begins_anew(self, heard: _Heard, chunk: AudioChunk, arrival_ns: int) -> bool:
        """A new id, or the same one from its first sample again (a bag that is played twice), but not a chunk that was merely repeated."""
        if chunk.utterance_id != heard.utterance_id:
            return True
        if chunk.first_sample != 0 or heard.next_sample == 0:
            return False
        start_ns = chunk.stamp_ns if _is_sane(chunk.stamp_ns, arrival_ns) else arrival_ns
        return abs(start_ns - heard.start_ns) > MAX_JUMP_NS

    def _begin(self, chunk: AudioChunk, arrival_ns: int) -> _Heard:
        offset_ns = sample_to_ns(chunk.first_sample)
        if _is_sane(chunk.stamp_ns, arrival_ns):
            first_ns = chunk.stamp_ns
        else:
            first_ns = arrival_ns
            self.counters["anchored"] += 1
            how = "no stamp" if chunk.stamp_ns == 0 else f"a stamp {abs(chunk.stamp_ns - arrival_ns) / NANOSECONDS:.0f} s from now"
            self.tell("anchored", f"utterance {chunk.utterance_id} has {how}: its time is taken from its arrival")
        while self._pending and self._media_ns(self._pending[-1]) >= first_ns:
            self._pending_samples -= len(self._pending.pop().chunk.samples)
            self.counters["voided"] += 1
        self._sessions += 1
        self._replaced_id = None if self._heard is None or self._heard.utterance_id == chunk.utterance_id else self._heard.utterance_id
        self._heard = _Heard(chunk.utterance_id, first_ns - offset_ns, self._sessions)
        self.counters["utterances"] += 1
        return self._heard

    def _check_time(self, heard: _Heard, chunk: AudioChunk, arrival_ns: int) -> None:
        """Anchor the utterance anew if its stamps or its arrival have left the sample index behind."""
        expected_ns = heard.start_ns + sample_to_ns(chunk.first_sample)
        stamp_ns = chunk.stamp_ns + heard.shift_ns if chunk.stamp_ns else 0
        jump_ns = stamp_ns - expected_ns
        late_ns = arrival_ns - (expected_ns + sample_to_ns(len(chunk.samples)))
        if _is_sane(stamp_ns, arrival_ns) and abs(jump_ns) > MAX_JUMP_NS:
            heard.start_ns += jump_ns
        elif late_ns > self.config.max_lag * NANOSECONDS:
            heard.start_ns += late_ns
            heard.shift_ns += late_ns
        else:
            return
        self.counters["anchored"] += 1
        what = f"audio of utterance {heard.utterance_id} stalled, jumped or comes more slowly than it was spoken"
        self.tell("anchored again", f"{what}: its time is taken anew from here")

    # Work.

    def _media_ns(self, piece: _Piece) -> int:
        return piece.start_ns + sample_to_ns(piece.chunk.first_sample)

    def _due_ns(self, piece: _Piece) -> int:
        return self._media_ns(piece) - int(self.config.max_ahead * NANOSECONDS)

    def _stall_ns(self) -> int:
        heard_until_ns = self._last_arrival_ns + int(self.config.idle_after * NANOSECONDS)
        return max(heard_until_ns, self._next_stamp_ns)

    def _speaking(self) -> bool:
        return self._speech is not None and not self._speech.ended and not self._speech.stalled

    def _follow_clock(self, now_ns: int) -> None:
        """Idle catches up with a clock that jumped instead of filling the hole."""
        ahead_ns = int(self.config.max_ahead * NANOSECONDS)
        if not self._speaking() and not -ahead_ns - MAX_CLOCK_JUMP_NS <= now_ns - self._next_stamp_ns <= MAX_CLOCK_JUMP_NS:
            self._next_stamp_ns = now_ns

    def _flush_now(self, now_ns: int) -> list[MotionChunk]:
        shown_ns = now_ns - int(self.config.playout_delay * NANOSECONDS) + SHOW_MARGIN_NS
        self._next_stamp_ns = min(self._next_stamp_ns, shown_ns)
        seen = [frame for stamp_ns, frame in self._given if stamp_ns < self._next_stamp_ns]
        chunks = self._idle_frames(seen[-1] if seen else None)
        self._flush = False
        return [MotionChunk(c.utterance_id, c.first_frame, c.values, c.stamp_ns, flush=True) for c in chunks]

    def _advance_speech(self, piece: _Piece) -> list[MotionChunk]:
        speech = self._speech
        if speech is not None and speech.session != piece.session and self._speaking():
            return self._finish(speech, before_ns=self._media_ns(piece))
        if speech is None or speech.session != piece.session:
            filler = self._fill_until(self._media_ns(piece))
            if filler:
                return filler
            speech = self._speech = self._new_speech(piece)
            self._glide = None
        self._pending.popleft()
        self._pending_samples -= len(piece.chunk.samples)
        if speech.ended:
            self.counters["repeats"] += 1
            return []
        speech.start_ns = piece.start_ns
        speech.stalled = False
        final = piece.chunk.end_of_utterance
        try:
            try:
                samples = self._assemble(speech, piece.chunk)
            except GapTooLongError as error:
                self.tell("gap", f"{error}: motion begins anew there")
                speech = self._speech = self._new_speech(piece)
                samples = self._assemble(speech, piece.chunk)
            values, speech.state = self.stage.step(samples, speech.state, final)
            self._left = speech.state
        except Exception:
            self._give_up(speech)
            raise
        speech.ended = final
        return self._speech_chunk(speech, values, final)

    def _new_speech(self, piece: _Piece) -> _Speech[State]:
        """An utterance of which the beginning was missed starts at a whole third frame, where sample and frame indices meet (see
        Assembler)."""
        first_frame = piece.chunk.first_sample // SAMPLES_PER_3_FRAMES * 3
        state = self.stage.with_manner(self.stage.initial_state(), self._wanted.manner)
        return _Speech(piece.chunk.utterance_id, piece.session, piece.start_ns, Assembler(), state, first_frame)

    def _assemble(self, speech: _Speech[State], chunk: AudioChunk) -> NDArray[np.int16]:
        assembler = speech.assembler
        before = (assembler.gaps, assembler.gap_samples, assembler.repeats)
        try:
            return assembler.push(chunk)
        finally:
            after = (assembler.gaps, assembler.gap_samples, assembler.repeats)
            for name, old, new in zip(("gaps", "gap_samples", "repeats"), before, after, strict=True):
                self.counters[name] += new - old
            if after[0] > before[0]:
                seconds = (after[1] - before[1]) / SAMPLE_RATE
                self.tell("gap", f"{seconds:.2f} s of audio are missing in utterance {speech.utterance_id}: taken as silence")

    def _speech_chunk(self, speech: _Speech[State], values: NDArray[np.float32], final: bool) -> list[MotionChunk]:
        if not len(values):
            return []
        first_frame = speech.next_frame
        values, self._steered = steer(values, self._wanted, self._steered)
        speech.next_frame += len(values)
        self._next_stamp_ns = speech.start_ns + frame_to_ns(speech.next_frame)
        stamp_ns = speech.start_ns + frame_to_ns(first_frame)
        self._remember(values, stamp_ns)
        return [MotionChunk(speech.utterance_id, first_frame, values, stamp_ns, end_of_utterance=final)]

    def _finish(self, speech: _Speech[State], before_ns: int) -> list[MotionChunk]:
        """The last frames of an utterance that a new one cuts off at ``before_ns``."""
        speech.ended = True
        values, self._left = self.stage.step(np.zeros(0, np.int16), speech.state, True)
        keep = sum(speech.start_ns + frame_to_ns(speech.next_frame + index) < before_ns for index in range(len(values)))
        return self._speech_chunk(speech, values[:keep], final=True)

    def _stall(self, speech: _Speech[State]) -> list[MotionChunk]:
        """No audio for a while: show what was heard to the end, and be ready to go on from where the audio stopped."""
        speech.stalled = True
        self.counters["stalls"] += 1
        real_next_frame = speech.next_frame
        values, self._left = self.stage.step(np.zeros(0, np.int16), speech.state, True)
        chunks = self._speech_chunk(speech, values, final=False)
        speech.next_frame = real_next_frame
        return chunks

    def _give_up(self, speech: _Speech[State]) -> None:
        self._speech = None
        while self._pending and self._pending[0].session == speech.session:
            self._pending_samples -= len(self._pending.popleft().chunk.samples)
        if self._heard is not None and self._heard.session == speech.session:
            self._heard.ignored = True
        self.counters["given_up"] += 1

    # Idle.

    def _idle_due(self, now_ns: int) -> bool:
        return not self._speaking() and now_ns >= self._next_stamp_ns

    def _advance_idle(self) -> list[MotionChunk]:
        limit_ns = self._media_ns(self._pending[0]) if self._pending else None
        if limit_ns is not None and self._next_stamp_ns >= limit_ns:
            return []
        return self._idle_frames()

    def _fill_until(self, stamp_ns: int) -> list[MotionChunk]:
        """Idle up to speech that is processed ahead of its time: it must be given first, because what is given later wins."""
        if stamp_ns - self._next_stamp_ns < NANOSECONDS // FRAME_RATE // 2:
            return []
        return self._idle_frames()

    def _idle_frames(self, seen: NDArray[np.float32] | None = None) -> list[MotionChunk]:
        """The next idle frames, a tenth of a second or what the stage gives at a time, never none. seen: the frame (MOTION_DIM,) before
        them where they replace what is on its way."""
        if self._left is not None:
            self._idle_state = self.stage.take_up(self._idle_state, self._left)
            self._left = None
        zeros = np.zeros(PIECE_SAMPLES, np.int16)
        for _ in range(10 * SAMPLE_RATE // PIECE_SAMPLES):
            values, self._idle_state = self.stage.step(zeros, self._idle_state)
            if len(values):
                break
        else:
            raise RuntimeError("the motion stage gave no frame for ten seconds of silence")
        values = self._attentive(values)
        values, self._steered = steer(values, self._wanted, self._steered)
        if seen is not None:
            self._glide = glide_from(seen, values[0])
        values, self._glide = glide_on(values, self._glide)
        self._remember(values, self._next_stamp_ns)
        chunk = MotionChunk(IDLE_UTTERANCE, self._idle_frame, values, self._next_stamp_ns)
        self._idle_frame += len(values)
        self._next_stamp_ns += frame_to_ns(len(values))
        return [chunk]

    def _remember(self, values: NDArray[np.float32], stamp_ns: int) -> None:
        while self._given and self._given[-1][0] >= stamp_ns:
            self._given.pop()
        self._given.extend((stamp_ns + frame_to_ns(index), frame) for index, frame in enumerate(values))

    def _attentive(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Idle frames with the attention that belongs to as many frames of what was overheard."""
        values = values.copy()
        for frame in values:
            heard, self._overheard = np.split(self._overheard, [SAMPLES_PER_3_FRAMES // 3])
            attention, self._listening = listen(heard, self._listening, self.config.seed)
            attend(frame, attention)
        return values


def _is_sane(stamp_ns: int, arrival_ns: int) -> bool:
    return stamp_ns != 0 and abs(stamp_ns - arrival_ns) <= MAX_STAMP_ERROR_NS


def _pieces(chunk: AudioChunk) -> list[AudioChunk]:
    if len(chunk.samples) <= PIECE_SAMPLES:
        return [chunk]
    starts = range(0, len(chunk.samples), PIECE_SAMPLES)
    return [
        AudioChunk(
            chunk.utterance_id,
            chunk.first_sample + start,
            chunk.samples[start : start + PIECE_SAMPLES],
            chunk.stamp_ns + sample_to_ns(start),
            end_of_utterance=chunk.end_of_utterance and start + PIECE_SAMPLES >= len(chunk.samples),
        )
        for start in starts
    ]
