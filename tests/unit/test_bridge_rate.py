"""The bit rate goes down for a slow network, comes back, and is not fooled by a browser that gets little because little moves."""

import cv2
import numpy as np

from visavis.bridge.encoders import PictureEncoder
from visavis.bridge.rate import RateFollower

MOST, LEAST = 2_000_000, 300_000


def run(rate: RateFollower, seconds: int, sent: float | None = None, now: float = 0.0, **reports: float) -> tuple[int, float]:
    """Report the same every second; ``sent`` None: all that may be sent is."""
    target = rate.tick(0.0, now)
    for _ in range(seconds):
        now += 1.0
        if "estimate" in reports:
            rate.hear_estimate("one", int(reports["estimate"]), now)
        if "lost" in reports:
            rate.hear_loss("one", reports["lost"], now)
        target = rate.tick(target if sent is None else sent, now)
    return target, now


def test_a_good_network_gets_all_of_it_however_little_is_sent() -> None:
    assert RateFollower(MOST, LEAST).tick(0.0, 0.0) == MOST, "nobody there"
    assert run(RateFollower(MOST, LEAST), 60, sent=400_000, estimate=600_000, lost=0.0)[0] == MOST
    assert run(RateFollower(MOST, LEAST), 60, estimate=5e6, lost=0.01)[0] == MOST


def test_a_slow_network_gets_what_it_carries_and_more_when_it_is_better() -> None:
    rate = RateFollower(MOST, LEAST)
    target, now = run(rate, 20, estimate=800_000, lost=0.0)
    assert 600_000 < target < 1.1 * 800_000, "it tries whether more goes"
    target, now = run(rate, 40, now=now, estimate=5e6, lost=0.0)
    assert target == MOST


def test_loss_brings_it_down_to_the_least_and_no_further() -> None:
    rate = RateFollower(MOST, LEAST)
    target, now = run(rate, 5, lost=0.3)
    assert LEAST < target < MOST
    target, now = run(rate, 60, now=now, lost=0.3)
    assert target == LEAST
    kept, now = run(rate, 10, now=now, lost=0.05)
    assert kept == LEAST, "some loss: neither less nor more"
    assert run(rate, 60, now=now)[0] == MOST, "old reports are no longer believed"


def test_the_slowest_decides_while_he_is_there() -> None:
    rate = RateFollower(MOST, LEAST)
    target, now = run(rate, 20, lost=0.3)
    rate.hear_loss("other", 0.0, now)
    assert rate.tick(target, now + 1) < MOST / 2
    rate.forget("one")
    assert rate.tick(target, now + 2) == MOST


def test_the_encoder_follows_with_a_key_frame_and_not_for_trifles() -> None:
    noise = [cv2.GaussianBlur(one, (0, 0), 3) for one in np.random.default_rng(0).integers(0, 255, (30, 192, 128, 3), np.uint8)]
    for codec in ("vp8", "h264"):
        encoder = PictureEncoder(codec, MOST, 100.0)

        def second(first: int, encoder: PictureEncoder = encoder) -> list[tuple[int, bool]]:
            packets = [encoder.encode(picture, 3000 * (first + index), 0, False) for index, picture in enumerate(noise)]
            return [(len(packet.data), packet.key) for packet in packets if packet is not None]

        second(0)
        before = second(30)
        assert not encoder.follow(int(MOST * 0.95), MOST) and encoder.bit_rate == MOST
        assert encoder.follow(MOST // 6, MOST)
        after = second(60)
        assert after[0][1] and not any(key for _, key in [*before, *after[1:]])
        assert sum(size for size, _ in after) < 0.7 * sum(size for size, _ in before)
        assert not encoder.follow(int(MOST / 6 * 1.1), MOST) and encoder.follow(MOST, MOST)
