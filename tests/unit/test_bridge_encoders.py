"""One encode: its packets decode to the pictures and the sound that went in, at their times."""

import av
import numpy as np
import pytest

from visavis.bridge.encoders import GROUND, PictureEncoder, SoundEncoder, cutout_sheet, jpeg, over_ground
from visavis.bridge.sound_blocks import BLOCK_SAMPLES


def picture(index: int, width: int = 128, height: int = 192) -> np.ndarray:
    made = np.full((height, width, 3), 40 + 8 * index, np.uint8)
    made[:, : width // 2] = 200 - 8 * index
    return made


@pytest.mark.parametrize("codec", ["vp8", "h264"])
def test_pictures_come_out_as_they_went_in_each_at_once(codec: str) -> None:
    encoder = PictureEncoder(codec, 1_000_000, 10.0)
    decoder = av.CodecContext.create(codec, "r")
    keys = []
    for index in range(12):
        packet = encoder.encode(picture(index), 3000 * index, index * 33_333_333, key=index == 7)
        assert packet is not None, "no picture waits for the next one"
        assert packet.pts == 3000 * index
        keys.append(packet.key)
        (frame,) = decoder.decode(av.Packet(packet.data))
        error = np.abs(frame.to_ndarray(format="rgb24").astype(int) - picture(index))
        assert error[:, 8:56].mean() < 6 and error[:, 72:].mean() < 6
    assert keys == [index in (0, 7) for index in range(12)]


@pytest.mark.parametrize("codec", ["vp8", "h264"])
def test_a_key_frame_can_be_begun_with_whatever_went_before(codec: str) -> None:
    encoder = PictureEncoder(codec, 1_000_000, 10.0)
    for index in range(5):
        encoder.encode(picture(index), 3000 * index, 0, key=False)
    packet = encoder.encode(picture(5), 15_000, 0, key=True)
    assert packet is not None and packet.key
    assert len(av.CodecContext.create(codec, "r").decode(av.Packet(packet.data))) == 1


def test_pictures_of_any_size_and_out_of_order() -> None:
    encoder = PictureEncoder("vp8", 500_000, 10.0)
    assert encoder.encode(picture(0), 3000, 0, key=False) is not None
    assert encoder.encode(picture(0), 3000, 0, key=False) is None, "the same time again"
    odd = encoder.encode(picture(0, 131, 77), 6000, 0, key=False)
    assert odd is not None and odd.key, "another size begins anew"
    (frame,) = av.CodecContext.create("vp8", "r").decode(av.Packet(odd.data))
    assert (frame.width, frame.height) == (130, 76)
    with pytest.raises(ValueError, match="vp8, h264"):
        PictureEncoder("av1", 1, 1)


def test_sound_is_where_its_time_says() -> None:
    """A click at a known sample comes out of the decoder at the time that its packet claims."""
    samples = np.zeros(25 * BLOCK_SAMPLES, np.int16)
    samples[12 * BLOCK_SAMPLES + 100 :][:40] = 20_000
    encoder = SoundEncoder()
    decoder = av.CodecContext.create("libopus", "r")
    decoder.sample_rate, decoder.layout, decoder.format = 48_000, "mono", "s16"
    heard = np.zeros(3 * len(samples) + 9600, np.int32)
    for index in range(25):
        pts = 5000 + index * 960
        packet = encoder.encode(samples[index * BLOCK_SAMPLES :][:BLOCK_SAMPLES], pts, 0)
        assert packet is not None and packet.pts <= pts
        for frame in decoder.decode(av.Packet(packet.data)):
            block = frame.to_ndarray().reshape(-1)
            at = packet.pts - 5000 + 960
            heard[at : at + len(block)] = block
    loudest = int(np.argmax(np.abs(heard))) - 960
    expected = 3 * (12 * BLOCK_SAMPLES + 120)
    assert abs(loudest - expected) < 120, "within 2.5 ms"


def test_jpeg() -> None:
    data = jpeg(picture(3), 80)
    assert data[:2] == b"\xff\xd8" and data[-2:] == b"\xff\xd9"


def test_opacity_travels_beside_the_colours_or_shows_a_ground() -> None:
    rgba = np.random.default_rng(0).integers(0, 256, (50, 40, 4), np.uint8)
    sheet = cutout_sheet(rgba)
    assert sheet.shape == (96, 32, 3), "whole blocks"
    assert np.array_equal(sheet[:48], rgba[:48, :32, :3]) and np.array_equal(sheet[48:], np.repeat(rgba[:48, :32, 3:], 3, 2))
    assert (cutout_sheet(rgba[..., :3])[48:] == 255).all(), "a picture without opacity is opaque"
    share = rgba[..., 3:] / 255
    assert np.abs(over_ground(rgba) - (rgba[..., :3] * share + np.array(GROUND) * (1 - share))).max() < 1.01
    assert np.array_equal(over_ground(rgba[..., :3]), rgba[..., :3])
