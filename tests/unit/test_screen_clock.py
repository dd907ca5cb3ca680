"""Picture and sound of a screen whose sound device has a clock of its own: in step for eight hours, without a gap, after every fault."""

import math

import numpy as np
import pytest

from visavis.audio.interpolate import interpolate, span
from visavis.audio.row import SoundRow
from visavis.follow import MAX_SPEED
from visavis.screen.clock import SenderTime, SoundClock
from visavis.screen.pictures import PictureQueue
from visavis.timing import NANOSECONDS, SAMPLE_RATE, frame_to_ns, sample_to_ns
from visavis.types import AudioChunk

EPOCH = 1_700_000_000 * NANOSECONDS
FRAME_SECONDS = 1 / 30
RATE = 48_000
BLOCK = 2048


class Device:
    """A sound device that runs ``ppm`` fast, and tells with jitter when a block will be heard."""

    def __init__(self, ppm: float, jitter: float = 0.001, block: int = BLOCK) -> None:
        self.seconds = block / RATE / (1 + ppm * 1e-6)
        self.jitter = jitter
        self.draw = np.random.default_rng(0)
        self.heard = 0.1

    def told_ns(self) -> int:
        return EPOCH + round((self.heard + self.draw.normal(0, self.jitter)) * NANOSECONDS)


@pytest.mark.parametrize(("hours", "device_ppm", "sender_ppm"), [(1, 100.0, 0.0), (8, -100.0, 100.0)])
def test_picture_and_sound_stay_together_for_eight_hours(hours: int, device_ppm: float, sender_ppm: float) -> None:
    """Somebody speaks without a pause; the device's clock, then also the sender's, is off by 100 ppm."""
    device, sender, clock = Device(device_ppm, block=2 * BLOCK), SenderTime(), SoundClock(EPOCH)
    pictures: PictureQueue[int] = PictureQueue()
    blocks = int(hours * 3600 / device.seconds)
    offsets, waiting = np.zeros(blocks), 0
    shown = arrived = 0
    for index in range(blocks):
        first, _ = clock.block(device.told_ns(), 2 * BLOCK, RATE, quiet=False)
        # At the host's time at which this block begins to be heard: which picture is on the screen, which moment is in the ear?
        now = device.heard
        media_ns = clock.media_ns(EPOCH + round(now * NANOSECONDS))
        while EPOCH + frame_to_ns(arrived) <= EPOCH + now * (1 + sender_ppm * 1e-6) * NANOSECONDS:
            due_ns = EPOCH + frame_to_ns(arrived)
            at_ns = EPOCH + round(frame_to_ns(arrived) / (1 + sender_ppm * 1e-6)) + 3_000_000
            sender.arrived(due_ns, at_ns)
            pictures.put(due_ns, arrived)
            arrived += 1
        waiting = max(waiting, len(pictures))
        taken = pictures.take(media_ns)
        shown = taken[1] if taken is not None else shown
        offsets[index] = shown * FRAME_SECONDS - first
        clock.follow(sender.shift_ns)
        device.heard += device.seconds
    settled = offsets[int(20 / device.seconds) :]
    # The picture on the screen is the one of that moment: it began at most a frame ago, and never comes before its sound.
    assert settled.max() < 0.005 and settled.min() > -FRAME_SECONDS - 0.005
    parts = np.array_split(settled, 8)
    assert abs(parts[-1].mean() - parts[0].mean()) < 0.002
    assert waiting <= 4
    assert clock.jumps == 0
    if sender_ppm:
        assert sender.moves == pytest.approx(hours * 3600 * sender_ppm * 1e-6 / 0.02, rel=0.3)
    else:
        assert sender.moves == 0 and clock.drift == pytest.approx(-device_ppm * 1e-6, abs=5e-5)


def test_a_tone_through_a_fast_device_is_the_tone() -> None:
    """1 kHz, resampled to what a device plays that runs 500 ppm fast, is what is heard: no gap, no step, its pitch within the limit."""
    row, clock, device = SoundRow(EPOCH), SoundClock(EPOCH), Device(500.0, jitter=0.0005)
    tone = (np.sin(2 * np.pi * 1000 * np.arange(20 * SAMPLE_RATE) / SAMPLE_RATE) * 16000).astype(np.int16)
    for first in range(0, len(tone), 640):
        row.hear(AudioChunk(1, first, tone[first : first + 640], EPOCH + sample_to_ns(first)), 0)
    heard, times = [], []
    while device.heard < 19:
        position, step = clock.block(device.told_ns(), BLOCK, RATE, quiet=False)
        begin, count = span(position * SAMPLE_RATE, step * SAMPLE_RATE, BLOCK)
        heard.append(interpolate(row.read(begin, count), begin, position * SAMPLE_RATE, step * SAMPLE_RATE, BLOCK))
        times.append(device.heard + np.arange(BLOCK) * device.seconds / BLOCK)
        device.heard += device.seconds
    sound, at = np.concatenate(heard)[12 * RATE :], np.concatenate(times)[12 * RATE :]
    # Phase of the tone as it was heard against the time at which it was heard, in seconds.
    carrier = sound * np.exp(-2j * np.pi * 1000 * at)
    phase = np.unwrap(np.angle(carrier[: len(carrier) // 480 * 480].reshape(-1, 480).mean(axis=1)))
    assert np.ptp(phase) / (2 * np.pi * 1000) < 0.001
    expected = np.sin(2 * np.pi * 1000 * at + np.interp(np.arange(len(at)), np.arange(len(phase)) * 480 + 240, phase) + np.pi / 2)
    assert np.sqrt(np.mean((sound - expected * 16000 / 32768) ** 2)) < 0.003
    assert clock.jumps == 0


def test_nothing_above_the_band_comes_through_the_interpolation() -> None:
    noise = (np.random.default_rng(1).normal(0, 3000, 40_000)).astype(np.int16)
    begin, count = span(100.0, SAMPLE_RATE / RATE, 60_000)
    played = interpolate(noise[begin : begin + count], begin, 100.0, SAMPLE_RATE / RATE, 60_000)
    power = np.abs(np.fft.rfft(played * np.hanning(len(played)))) ** 2
    above = (
        power[int(len(power) * 9500 / 24_000) :].mean() / power[int(len(power) * 1000 / 24_000) : int(len(power) * 6000 / 24_000)].mean()
    )
    assert 10 * math.log10(above) < -55


def test_a_lost_block_of_sound_is_caught_up() -> None:
    """The device stands still for 60 ms: the sound is behind, the picture with it, until both are on time again without a jump."""
    device, clock = Device(0.0, jitter=0.0), SoundClock(EPOCH)
    for _ in range(200):
        clock.block(device.told_ns(), BLOCK, RATE, quiet=False)
        device.heard += device.seconds
    device.heard += 0.06
    offsets, speeds = [], []
    for _ in range(600):
        now = device.heard
        first, step = clock.block(device.told_ns(), BLOCK, RATE, quiet=False)
        offsets.append((clock.media_ns(EPOCH + round(now * NANOSECONDS)) - EPOCH) / NANOSECONDS - first)
        speeds.append(step * RATE)
        device.heard += device.seconds
    assert max(np.abs(offsets)) < 0.061 and np.abs(offsets[60:]).max() < FRAME_SECONDS / 2 and np.abs(offsets[-100:]).max() < 0.004
    assert max(np.abs(np.array(speeds) - 1)) <= MAX_SPEED + 1e-9
    assert abs(device.heard - device.seconds - first) < 0.004
    assert clock.jumps == 0
    device.heard += 1.0
    for _ in range(3):
        first, _ = clock.block(device.told_ns(), BLOCK, RATE, quiet=False)
        device.heard += device.seconds
    assert clock.jumps == 1 and abs(device.heard - device.seconds - first) < 0.001, "a second is not caught up by reading faster"


def test_a_clock_that_was_never_set_or_was_set_shifts_all_at_once() -> None:
    sender = SenderTime()
    for frame in range(300):
        sender.arrived(EPOCH + frame_to_ns(frame), EPOCH + frame_to_ns(frame) + 4_000_000)
    assert sender.shift_ns == 0 and sender.moves == 0, "a way of 4 ms is no shift"
    sender.arrived(EPOCH + frame_to_ns(300), EPOCH + 3600 * NANOSECONDS + frame_to_ns(300))
    assert sender.shift_ns == 3600 * NANOSECONDS
    for frame in range(301, 600):  # every second one is held up by 80 ms
        late = 30_000_000 + 80_000_000 * (frame % 2)
        sender.arrived(EPOCH + frame_to_ns(frame), EPOCH + 3600 * NANOSECONDS + frame_to_ns(frame) + late)
    assert sender.shift_ns == 3600 * NANOSECONDS + 30_000_000


def test_pictures_are_shown_once_in_order_and_the_present_one() -> None:
    queue: PictureQueue[str] = PictureQueue(capacity=3)
    for due, name in ((10, "a"), (20, "b"), (20, "again"), (15, "older"), (30, "c")):
        queue.put(EPOCH + due, name)
    assert queue.take(EPOCH + 9) is None
    assert queue.take(EPOCH + 25) == (EPOCH + 20, "b")
    assert queue.next_ns() == EPOCH + 30
    queue.put(EPOCH - 2 * NANOSECONDS, "of a sender that was started anew")
    assert queue.take(EPOCH) == (EPOCH - 2 * NANOSECONDS, "of a sender that was started anew")
    assert (queue.counters["skipped"], queue.counters["out_of_order"]) == (1, 2)
