"""RTP and NTP times come from the stamps: what belongs together has the same time on both tracks."""

from hypothesis import given
from hypothesis import strategies as st

from visavis.bridge.media_clock import AUDIO_CLOCK, VIDEO_CLOCK, MediaClock, audio_ticks, ntp_time, video_ticks
from visavis.timing import NANOSECONDS, frame_to_ns

NOW = 1_700_000_000 * NANOSECONDS


def test_pictures_and_sound_of_one_moment_have_one_time() -> None:
    clock = MediaClock(NOW)
    for frame in range(0, 30 * 3600, 997):
        at_ns = NOW + frame_to_ns(frame)
        media_ns = clock.media_ns(at_ns)
        assert abs(video_ticks(media_ns) / VIDEO_CLOCK - audio_ticks(media_ns) / AUDIO_CLOCK) < 1 / AUDIO_CLOCK
        assert abs(video_ticks(media_ns) - frame * 3000) <= 1, "a frame is 3000 ticks, and errors do not add up"


def test_ntp_has_seconds_above_and_their_fraction_below() -> None:
    assert ntp_time(0) == 2_208_988_800 << 32
    assert ntp_time(NANOSECONDS * 3 // 2) - ntp_time(0) == 3 << 31


@given(st.integers(0, 10**18), st.integers(1, 10**12))
def test_ntp_grows_with_time(media_ns: int, more_ns: int) -> None:
    passed = (ntp_time(media_ns + more_ns) - ntp_time(media_ns)) / 2**32
    assert abs(passed - more_ns / NANOSECONDS) < 1e-6 + 1e-9 * passed


def test_a_clock_that_is_set_back_does_not_take_media_time_back() -> None:
    clock = MediaClock(NOW)
    before = clock.media_ns(NOW + 10 * NANOSECONDS)
    assert clock.media_ns(NOW + 10 * NANOSECONDS - 40_000_000) == before - 40_000_000, "sound may come a little after a later picture"
    after = clock.media_ns(NOW - 3600 * NANOSECONDS)
    assert after == before
    assert clock.media_ns(NOW - 3599 * NANOSECONDS) == before + NANOSECONDS
