"""The chain of nodes over real DDS: speech in, pictures and sound out, on time and in step; and what happens to bad input on the way."""

import threading
import time
from itertools import pairwise

import numpy as np
import pytest
from ros_graph import Graph, quickest, voice, write_voice
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2
from std_srvs.srv import Trigger
from visavis_msgs.msg import AudioChunk, MotionChunk

from visavis.nodes.playout import FRAME_NS
from visavis.ros.convert import msg_to_motion_chunk, msg_to_stamp
from visavis.ros.pictures import msg_to_image, msg_to_jpeg_image
from visavis.timing import frame_to_ns, frames_in

LOAD = 3.0
"""How much slower than alone the machine may be while the tests run: these bounds say that nothing hangs, `visavis bench` measures."""


def frame_index(picture: np.ndarray) -> int:
    return int(picture[0, 0, 0]) + 256 * int(picture[0, 0, 1])


def is_idle(picture: np.ndarray) -> bool:
    return bool(picture[0, 0, 2])


def motion_of(messages: list[MotionChunk], utterance_id: int) -> np.ndarray:
    """Frames of an utterance in order of their index; a frame that was given twice counts as it was given last."""
    frames = {}
    for chunk in map(msg_to_motion_chunk, messages):
        if chunk.utterance_id == utterance_id:
            frames |= {chunk.first_frame + index: row for index, row in enumerate(chunk.values)}
    assert sorted(frames) == list(range(len(frames)))
    return np.stack([frames[index] for index in sorted(frames)])


def test_speech_becomes_pictures_and_sound_in_step(ros: Graph) -> None:
    samples = write_voice(ros.folder / "speech.wav", 3.0)
    ros.start("motion_diffusion", max_lag=60.0, idle_after=10.0)  # a machine that stands still is waited for
    ros.start("control_render")
    ros.start("video_generation")
    for name in ("motion_diffusion", "control_render", "video_generation"):
        ros.wait(lambda name=name: ros.state(name) == "active", f"{name} to be active")
    pictures, sound, info, points = (
        ros.listen(*what)
        for what in ((Image, "image_raw"), (AudioChunk, "audio_out"), (CameraInfo, "camera_info"), (PointCloud2, "keypoints"))
    )
    jpegs, motion, audio = (
        ros.listen(CompressedImage, "image_raw/compressed"),
        ros.listen(MotionChunk, "motion"),
        ros.listen(AudioChunk, "audio"),
    )
    ros.start(
        "audio_capture",
        source="file",
        audio=str(ros.folder / "speech.wav"),
        wait_for=["audio", "motion", "control"],
        start_delay=3.0,
        max_lag=60.0,
    )
    ros.wait(lambda: audio and audio[-1].end_of_utterance, "the end of the file")
    ros.wait(lambda: sum(is_idle(msg_to_image(p)) for p in pictures[-3:]) == 3 and len(pictures) > 100, "idle after the speech")

    assert np.concatenate([np.frombuffer(msg.samples, np.int16) for msg in audio]).tolist() == samples.tolist()
    utterance = audio[0].utterance_id
    start_ns = msg_to_stamp(audio[0].header.stamp)
    assert len(motion_of(motion, utterance)) == frames_in(len(samples))

    shown: dict[int, int] = {}
    for msg in pictures:
        if not is_idle(picture := msg_to_image(msg)):
            shown.setdefault(frame_index(picture), msg_to_stamp(msg.header.stamp))  # shown again only to fill a hole
    assert list(shown) == sorted(shown)
    assert len(shown) >= frames_in(len(samples)) - ros.present("video_generation", "drops")
    assert all(abs(stamp - (start_ns + frame_to_ns(index))) <= 1 for index, stamp in shown.items()), "pictures are stamped with media time"
    stamps = [msg_to_stamp(msg.header.stamp) for msg in pictures]
    assert all(later > earlier for earlier, later in pairwise(stamps))

    heard = [msg for msg in sound if msg.utterance_id == utterance]
    assert np.concatenate([np.frombuffer(msg.samples, np.int16) for msg in heard]).tolist() == samples.tolist()
    delay = {msg_to_stamp(out.header.stamp) - msg_to_stamp(source.header.stamp) for out, source in zip(heard, audio, strict=True)}
    assert max(delay) - min(delay) <= 1 and abs(min(delay) - 430_000_000) <= FRAME_NS // 1000

    both = {msg_to_stamp(msg.header.stamp): msg for msg in jpegs}
    common = [msg for msg in pictures if msg_to_stamp(msg.header.stamp) in both]
    assert len(common) > 20
    for msg in common[::20]:
        raw, jpeg = msg_to_image(msg), msg_to_jpeg_image(both[msg_to_stamp(msg.header.stamp)])
        assert np.abs(raw[100:].astype(int) - jpeg[100:]).max() <= 3
    assert info[-1].width == 512 and info[-1].height == 768 and info[-1].k[0] == 900.0
    assert points[-1].width == 2 and len(points[-1].data) == 24
    ros.assert_no_errors()


def test_no_picture_is_drawn_that_nobody_wants(ros: Graph) -> None:
    ros.start_avatar()
    ros.wait(lambda: ros.value("video_generation", "frames") > 20, "frames")
    assert ros.value("video_generation", "watched") == 0
    assert np.isnan(ros.value("video_generation", "compute_p50_ms"))
    late = ros.listen(Image, "image_raw")
    ros.wait(lambda: len(late) > 10, "pictures for a late subscriber")
    ros.wait(lambda: ros.value("video_generation", "watched") == 1, "diagnostics")


def test_gaps_repeats_and_nonsense_are_counted_and_the_stream_stays_in_step(ros: Graph) -> None:
    ros.start_avatar()
    motion = ros.listen(MotionChunk, "motion")
    samples = voice(2.0)

    def damage(index: int, msg: AudioChunk) -> list[AudioChunk]:
        if index in (10, 11):
            return []
        if index == 20:
            return [msg, msg]
        if index == 30:
            wrong_rate = AudioChunk(utterance_id=1, first_sample=msg.first_sample, sample_rate=44100, samples=msg.samples)
            no_id = AudioChunk(utterance_id=0, first_sample=msg.first_sample, sample_rate=16000, samples=msg.samples)
            return [wrong_rate, no_id, msg]
        return [msg]

    ros.speak(samples, edit=damage, subscribers=2)
    ros.wait(lambda: any(msg.end_of_utterance for msg in motion), "the end of the motion")
    ros.wait(lambda: ros.value("motion_diffusion", "gaps") == 1, "diagnostics")
    assert ros.value("motion_diffusion", "gap_samples") == 1280
    assert ros.value("motion_diffusion", "repeats") == 1
    assert ros.value("motion_diffusion", "refused") == 2
    silent = samples.copy()
    silent[10 * 640 : 12 * 640] = 0
    clean = ros.listen(MotionChunk, "motion")
    ros.speak(silent, utterance_id=2, subscribers=2)
    ros.wait(lambda: any(msg.end_of_utterance for msg in clean), "the end of the second motion")
    assert np.array_equal(motion_of(motion, 1), motion_of(clean, 2)), "a gap is silence, and nothing moves against the sound"


def test_motion_and_control_that_make_no_sense_are_refused(ros: Graph) -> None:
    processes = ros.start_avatar()
    publisher = ros.node.create_publisher(MotionChunk, "motion", 10)
    ros.wait(lambda: publisher.get_subscription_count() >= 1, "control_render")
    for msg in (
        MotionChunk(layout="other/1", frame_rate=30, frames=0),
        MotionChunk(layout="visavis/1", frame_rate=25, frames=0),
        MotionChunk(layout="visavis/1", frame_rate=30, frames=2, values=[0.0] * 243),
        MotionChunk(layout="visavis/1", frame_rate=30, frames=1, values=[float("nan")] * 243),
    ):
        publisher.publish(msg)
    ros.wait(lambda: ros.value("control_render", "refused") == 4, "four refusals")
    assert "layout" in processes["control_render"].said
    pictures = ros.listen(Image, "image_raw")
    ros.wait(lambda: len(pictures) > 20, "pictures all the same")


def test_control_of_another_portrait_is_refused_with_what_to_do(ros: Graph) -> None:
    ros.start("motion_diffusion")
    ros.start("control_render", portrait="one.jpg")
    video = ros.start("video_generation", portrait="other.jpg")
    ros.wait(lambda: ros.state("video_generation") == "active" and ros.value("video_generation", "refused") > 5, "refusals")
    assert "give control_render and video_generation the same photo" in video.said
    assert video.said.count("same photo") < 5, "one line, not thirty a second"


def test_the_graph_lives_on_simulated_time(ros: Graph) -> None:
    """A clock that runs at half the speed of the wall's, then stands still: pictures follow it."""
    publisher = ros.node.create_publisher(Clock, "/clock", 10)
    origin = time.monotonic()
    frozen_at: list[float] = []
    stop = threading.Event()

    def now() -> float:
        return 1000.0 + ((frozen_at[0] if frozen_at else time.monotonic()) - origin) / 2

    def tick() -> None:
        while not stop.wait(0.01):
            msg = Clock()
            msg.clock.sec, msg.clock.nanosec = int(now()), int(now() % 1 * 1e9)
            publisher.publish(msg)

    ticking = threading.Thread(target=tick, daemon=True)
    ticking.start()
    try:
        ros.start_avatar(use_sim_time=True)
        pictures = ros.listen(Image, "image_raw")
        ros.wait(lambda: len(pictures) >= 5, "pictures")
        pictures.clear()
        begin = now()
        ros.spin(6.0)
        passed = now() - begin
        stamps = [msg_to_stamp(msg.header.stamp) / 1e9 for msg in pictures]
        # few where the machine stood still, more than simulated time has room for never
        assert 0.3 * 30 * passed <= len(stamps) <= 1.2 * 30 * passed + 2, f"{len(stamps)} pictures in {passed:.1f} simulated seconds"
        assert abs(np.median(np.diff(stamps)) - 1 / 30) < 0.001, "every picture of simulated time"
        assert all(begin - 2 < stamp < now() for stamp in stamps)
        frozen_at.append(time.monotonic())
        ros.wait_for_rest(pictures, 2.0, "time stands still, and so does the picture")
    finally:
        stop.set()
        ticking.join()


@pytest.mark.parametrize("how", ["service", "new utterance"])
def test_interruption_closes_the_mouth_within_300_ms(ros: Graph, how: str) -> None:
    ros.start_avatar()
    pictures = ros.listen(Image, "image_raw")
    ros.speak(voice(0.4), subscribers=2, end=False)
    sound = ros.listen(AudioChunk, "audio_out")

    def interrupt(attempt: int) -> float:
        ros.speak(np.full(16000 * 6, 12000, np.int16), utterance_id=5 + 2 * attempt, pace=20.0, subscribers=2, end=False)
        ros.wait(lambda: pictures and msg_to_image(pictures[-1])[500, 200, 0] > 50, "a loud picture")
        pictures.clear()
        sound.clear()
        begun = time.monotonic()
        if how == "service":
            assert ros.call(Trigger, "interrupt", Trigger.Request()).success
        else:
            ros.speak(np.zeros(32000, np.int16), utterance_id=6 + 2 * attempt, pace=20.0, subscribers=2)
        ros.wait(lambda: pictures and msg_to_image(pictures[-1])[500, 200, 0] < 5, "a quiet picture")
        seconds = time.monotonic() - begun
        if how == "service":
            ros.wait(lambda: any(not msg.samples and msg.end_of_utterance for msg in sound), "the word to players that sound stops")
            pictures.clear()
            ros.wait(lambda: len(pictures) > 20, "pictures after it")
            assert all(msg_to_image(msg)[500, 200, 0] < 5 for msg in pictures), "the rest of the utterance stays unheard"
        return seconds

    # a new utterance is shown in step with its sound, after the playout delay
    limit = (0.3 if how == "service" else 0.7) * LOAD
    assert quickest(interrupt, limit) < limit
