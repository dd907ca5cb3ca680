"""Whether a film is what the graph was to make: read back and measured, not believed."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visavis.benchmark.correlate import lag_of
from visavis.benchmark.take import Take, film_frames, film_motion, film_sound, frame_loudness
from visavis.film.reader import FilmError, read_facts, read_pictures, read_sound
from visavis.film.sheet import Box
from visavis.motion.layout import ARKIT_INDEX
from visavis.portrait.landmarks import OUTER_LIPS, Face, FaceFinder, find_face
from visavis.timing import FRAME_RATE, SAMPLE_RATE
from visavis.types_portrait import PICTURE_HEIGHT, PICTURE_WIDTH, PortraitError

UPPER_LIP, LOWER_LIP = 13, 14
RIGHT_EYE, LEFT_EYE = 33, 263
"""Landmarks of the face mesh: middle of the inner lips, outer corners of the eyes."""

LAG_REACH = 10
MAX_LAG_FRAMES = 1.0
MIN_CORRELATION = 0.7
"""Of the mouth in the pictures with the jaw of the motion that they were drawn from."""


@dataclass(frozen=True)
class FilmCheck:
    """What was measured, and what is wrong (empty: nothing).

    sound_lag_ms: the film's sound against the recorded speech. mouth_lag, mouth_correlation: the mouth seen in the pictures against the jaw
    of the recorded motion, in frames; positive: the picture is late. loudness_lag, loudness_correlation: the mouth against the loudness.
    """

    problems: tuple[str, ...]
    pictures: int
    seconds: float
    sound_lag_ms: float
    mouth_lag: float
    mouth_correlation: float
    loudness_lag: float
    loudness_correlation: float


def check_film(film: Path, take: Take, landmark_model: Path) -> FilmCheck:
    """Read the film back and compare it with the recording it was made of."""
    facts = read_facts(film)
    expected = film_frames(take)
    problems = list(take.problems)
    wanted = {
        "size": ((facts.width, facts.height), (PICTURE_WIDTH, PICTURE_HEIGHT)),
        "pictures a second": (facts.frame_rate, FRAME_RATE),
        "number of pictures": (facts.pictures, expected),
        "pictures at irregular times": (facts.irregular, 0),
        "picture format": ((facts.picture_codec, facts.pixel_format), ("h264", "yuv420p")),
        "sound format": (facts.sound_codec, "aac"),
    }
    problems += [f"{name}: {found}, not {right}" for name, (found, right) in wanted.items() if found != right]
    if "digitalsourcetype" not in facts.mark:
        problems.append("the film does not say that it was generated")
    sound_lag = _sound_lag(film, take)
    if not abs(sound_lag) <= 1 / FRAME_RATE:
        problems.append(f"the sound is {1000 * sound_lag:.0f} ms late")
    openings = mouth_openings((image for _, image in read_pictures(film)), landmark_model)
    faceless = int(np.isnan(openings).sum())
    if faceless:
        problems.append(f"no face is found in {faceless} of {len(openings)} pictures")
    openings = np.nan_to_num(openings)
    frames = min(expected, len(openings))
    mouth_lag, mouth_correlation = lag_of(openings[:frames], film_motion(take, ARKIT_INDEX["jawOpen"])[:frames], LAG_REACH)
    loudness_lag, loudness_correlation = lag_of(openings[:frames], frame_loudness(film_sound(take), frames), LAG_REACH)
    if mouth_correlation < MIN_CORRELATION:
        problems.append(
            f"the mouth does not follow the motion: correlation {mouth_correlation:.2f}, at least {MIN_CORRELATION} is expected"
        )
    elif abs(mouth_lag) > MAX_LAG_FRAMES:
        problems.append(f"the mouth is {mouth_lag:.1f} frames off the motion")
    return FilmCheck(
        tuple(problems), facts.pictures, facts.seconds, 1000 * sound_lag, mouth_lag, mouth_correlation, loudness_lag, loudness_correlation
    )


def _sound_lag(film: Path, take: Take) -> float:
    """Seconds by which the film's sound comes after the recorded speech; not a number where it is another sound."""
    sound, rate = read_sound(film)
    if rate != SAMPLE_RATE:
        raise FilmError(f"{film} has sound at {rate} Hz, it was written at {SAMPLE_RATE}")
    reference = film_sound(take).astype(np.float32) / 32768
    length = min(len(sound), len(reference))
    lag, score = _sharp_lag(sound[:length, 0], reference[:length])
    return lag / SAMPLE_RATE if score > 0.5 else float("nan")


def _sharp_lag(signal: NDArray[np.floating], reference: NDArray[np.floating]) -> tuple[int, float]:
    """Whole lag of two long signals by the Fourier transform, and their correlation there."""
    size = 1 << (2 * len(signal) - 1).bit_length()
    product = np.fft.rfft(signal, size) * np.conj(np.fft.rfft(reference, size))
    scores = np.fft.irfft(product, size)
    best = int(np.argmax(scores))
    power = float(np.sqrt(np.sum(signal**2, dtype=float) * np.sum(reference**2, dtype=float)))
    return (best - size if best > size // 2 else best), float(scores[best]) / max(power, 1e-12)


def mouth_openings(pictures: Iterable[NDArray[np.uint8]], landmark_model: Path) -> NDArray[np.float64]:
    """``opening`` of the face in each picture; not a number where there is no face."""
    result = []
    face: Face | None = None
    with FaceFinder(landmark_model) as finder:
        for image in pictures:
            try:
                face = finder.confirm(image, face) if face is not None else find_face(finder, image, "a picture")
            except PortraitError:
                face = None
            result.append(float("nan") if face is None else opening(face))
    return np.array(result)


def opening(face: Face) -> float:
    """Gap between the inner lips, as a share of the distance between the outer corners of the eyes."""
    points = face.landmarks
    return float(np.linalg.norm(points[UPPER_LIP] - points[LOWER_LIP]) / np.linalg.norm(points[RIGHT_EYE] - points[LEFT_EYE]))


def mouth_box(image: NDArray[np.uint8], landmark_model: Path) -> Box:
    """The part of a picture around the mouth, with room for a jaw that drops and a head that moves."""
    with FaceFinder(landmark_model) as finder:
        lips = find_face(finder, image, "the film").landmarks[list(OUTER_LIPS)]
    width = float(np.ptp(lips[:, 0])) * 2.0
    left, top = lips.mean(0) - (width / 2, width * 0.45)
    return Box(round(left), round(top), round(width), round(width))
