"""A sound file as an utterance: chunks whose stamps come from their indices. Who plays it decides when; no clock is read here."""

import os
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from visavis.audio.load import Warn, open_blocks
from visavis.timing import NANOSECONDS, SAMPLE_RATE, sample_to_ns
from visavis.types import AudioChunk


def file_chunks(
    path: str | os.PathLike[str], utterance_id: int, start_ns: int, chunk_samples: int = SAMPLE_RATE // 25, on_warning: Warn | None = None
) -> Iterator[AudioChunk]:
    """The file as consecutive chunks of one utterance that begins at ``start_ns``; the last one has ``end_of_utterance``.

    AudioError at once for what is no sound file (see ``load.open_blocks``).
    """
    blocks = open_blocks(path, chunk_samples, on_warning)
    return _chunks(blocks, utterance_id, start_ns)


def _chunks(blocks: Iterator[NDArray[np.int16]], utterance_id: int, start_ns: int) -> Iterator[AudioChunk]:
    first = 0
    held = next(blocks, None)
    while held is not None:
        following = next(blocks, None)
        yield AudioChunk(utterance_id, first, held, start_ns + sample_to_ns(first), SAMPLE_RATE, end_of_utterance=following is None)
        first += len(held)
        held = following


def spoken_ns(chunk: AudioChunk) -> int:
    """When the last sample of the chunk has been spoken: a live source could not give the chunk earlier."""
    return chunk.stamp_ns + len(chunk.samples) * NANOSECONDS // chunk.sample_rate
