"""Recording and replaying a running graph."""

import shutil
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
from ros_graph import Graph, NodeProcess, voice
from sensor_msgs.msg import CompressedImage, Image
from visavis_msgs.msg import AudioChunk, MotionChunk

from visavis.ros.bags import bag_counts, open_bag, read_bag, typestore_with
from visavis.ros.convert import msg_to_motion_chunk, msg_to_stamp
from visavis.ros.pictures import msg_to_jpeg_image
from visavis.ros.topics import TOPICS, type_name

STORAGES = pytest.mark.parametrize("storage", ["mcap", "sqlite3"])


def visavis(ros: Graph, *arguments: str) -> NodeProcess:
    return ros.run([sys.executable, "-m", "visavis.cli.main", *arguments])


def record(ros: Graph, bag: Path, *arguments: str) -> NodeProcess:
    """A recorder that has subscribed."""
    process = visavis(ros, "record", str(bag), *arguments)
    ros.wait(lambda: "recorder" in [name for name, _ in ros.node.get_node_names_and_namespaces()], "the recorder")
    ros.wait(lambda: "recording" in process.said, "the recorder to say that it records")
    return process


def frames_of(chunks: list[MotionChunk]) -> dict[tuple[int, int], bytes]:
    """Motion of speech by utterance and frame, as bytes."""
    frames = {}
    for chunk in map(msg_to_motion_chunk, chunks):
        if chunk.utterance_id:
            frames |= {(chunk.utterance_id, chunk.first_frame + index): row.tobytes() for index, row in enumerate(chunk.values)}
    return frames


def samples_of(messages: list[AudioChunk]) -> np.ndarray:
    return np.concatenate([np.frombuffer(msg.samples, np.int16) for msg in messages])


def spoken(pictures: list[Image]) -> list[int]:
    """Frame indices of the pictures of speech."""
    return [int(msg.data[0]) for msg in pictures if msg.data[2] == 0]


@STORAGES
def test_a_bag_of_audio_replays_into_the_same_motion_bit_for_bit(ros: Graph, storage: str) -> None:
    nodes = ros.start_avatar()
    motion = ros.listen(MotionChunk, "motion")
    recorder = record(ros, ros.folder / "bag", "--storage", storage, "--topics", "audio", "motion", "image_raw/compressed")
    samples = voice(2.5)
    ros.speak(samples, utterance_id=1234567890123, subscribers=3)
    ros.wait(lambda: any(msg.end_of_utterance for msg in motion), "the end of the motion")
    ros.spin(1.0)
    assert recorder.stop() == 0, recorder.said

    counts = bag_counts(ros.folder / "bag")
    assert counts["/audio"] == 63 and counts["/motion"] > 10 and counts["/image_raw/compressed"] > 10
    recorded = [msg for _, msg, _ in read_bag(ros.folder / "bag", ["audio"])]
    assert samples_of(recorded).tolist() == samples.tolist()
    before = frames_of(motion)
    assert len(before) == 75
    assert frames_of([msg for _, msg, _ in read_bag(ros.folder / "bag", ["motion"])]) == before
    jpeg = next(msg for _, msg, _ in read_bag(ros.folder / "bag", ["image_raw/compressed"]))
    assert msg_to_jpeg_image(jpeg).shape == (768, 512, 3)

    ros.stop_speaking()
    nodes["motion_diffusion"].stop()  # a new process must give the same motion
    ros.replace(nodes["motion_diffusion"], "motion_diffusion")
    motion.clear()
    heard = ros.listen(AudioChunk, "audio")
    player = visavis(ros, "replay", str(ros.folder / "bag"))
    ros.wait(lambda: any(msg.end_of_utterance for msg in motion), "the end of the replayed motion")
    assert frames_of(motion) == before
    assert player.wait() == 0, player.said
    assert "leaving out /image_raw/compressed" in player.said and "leaving out /motion" in player.said, player.said
    ros.wait(lambda: sum(len(msg.samples) for msg in heard) == len(samples), "the last of the audio")
    assert samples_of(heard).tolist() == samples.tolist()
    assert abs(msg_to_stamp(heard[0].header.stamp) - ros.node.get_clock().now().nanoseconds) < 60e9


def test_a_bag_of_motion_replays_into_another_portrait(ros: Graph) -> None:
    source = ros.start("motion_diffusion")
    ros.wait(lambda: ros.state("motion_diffusion") == "active", "motion")
    motion = ros.listen(MotionChunk, "motion")
    recorder = record(ros, ros.folder / "bag", "--topics", "motion")
    ros.speak(voice(1.5), utterance_id=5)
    ros.wait(lambda: any(msg.end_of_utterance for msg in motion), "the end of the motion")
    ros.spin(0.5)
    assert recorder.stop() == 0
    source.stop()

    for name in ("control_render", "video_generation"):
        ros.start(name, portrait="another.jpg")
    ros.wait(lambda: ros.state("video_generation") == "active" and ros.state("control_render") == "active", "the other portrait")
    pictures = ros.listen(Image, "image_raw")
    player = visavis(ros, "replay", str(ros.folder / "bag"), "--topics", "motion")
    assert player.wait() == 0
    ros.wait(lambda: len(set(spoken(pictures))) + ros.value("video_generation", "drops") >= 45, "all pictures to be shown, or counted")
    assert spoken(pictures) == sorted(spoken(pictures))
    assert spoken(pictures), "not all of them were lost"


def test_a_bag_of_motion_replays_into_the_running_graph_whose_own_motion_rests_meanwhile(ros: Graph) -> None:
    nodes = ros.start_avatar()
    motion = ros.listen(MotionChunk, "motion")
    recorder = record(ros, ros.folder / "bag", "--topics", "motion")
    ros.speak(voice(1.5), utterance_id=5, subscribers=2)
    ros.wait(lambda: any(msg.end_of_utterance for msg in motion), "the end of the motion")
    ros.spin(0.5)
    assert recorder.stop() == 0
    pictures = ros.listen(Image, "image_raw")
    for interrupted in (False, True):
        pictures.clear()
        lost = ros.present("video_generation", "drops")
        player = visavis(ros, "replay", str(ros.folder / "bag"), "--topics", "motion", *(["--loop"] if interrupted else []))
        if interrupted:
            ros.wait(lambda: len(spoken(pictures)) >= 60, "pictures of speech, again and again")
            ros.wait(lambda player=player: "/motion_diffusion rests" in player.said, "motion_diffusion to rest")
            assert player.stop() == 0, player.said
        else:
            assert player.wait() == 0, player.said
            ros.wait(
                lambda lost=lost: len(set(spoken(pictures))) + ros.value("video_generation", "drops") - lost >= 45,
                "all pictures to be shown, or counted",
            )
            assert spoken(pictures) == sorted(spoken(pictures)), "nothing of the graph's own came in between"
        ros.wait(lambda: ros.state("motion_diffusion") == "active", "motion_diffusion to go on")
        pictures.clear()
        ros.wait(lambda: sum(msg.data[2] == 1 for msg in pictures) >= 15, "idle pictures")
    assert ros.present("video_generation", "lost") == 0, "two streams are not taken for losses"
    assert "never arrived" not in nodes["control_render"].said


def test_a_bag_replays_into_a_namespace(ros: Graph) -> None:
    recorder = record(ros, ros.folder / "bag", "--topics", "audio")
    ros.speak(voice(1.0), utterance_id=3)
    ros.spin(1.0)
    assert recorder.stop() == 0
    heard = ros.listen(AudioChunk, "/robot/audio")
    player = visavis(ros, "replay", str(ros.folder / "bag"), "--namespace", "robot")
    ros.wait(lambda: len(heard) == 25, "the audio in the namespace")
    assert player.wait() == 0


def test_what_arrived_before_the_end_is_in_the_bag(ros: Graph) -> None:
    """The recorder stands still while sixty messages arrive, and is to end before it has heard any of them."""
    recorder = record(ros, ros.folder / "bag", "--topics", "audio")
    publisher = ros.node.create_publisher(AudioChunk, "audio", 100)
    ros.wait(publisher.get_subscription_count, "the recorder's subscription")
    publisher.publish(AudioChunk(utterance_id=1))
    ros.spin(0.5)
    recorder.process.send_signal(signal.SIGSTOP)
    for index in range(60):
        publisher.publish(AudioChunk(utterance_id=2, first_sample=640 * index, samples=[index] * 640))
        ros.spin(0.01)
    recorder.process.send_signal(signal.SIGINT)
    recorder.process.send_signal(signal.SIGCONT)
    assert recorder.wait() == 0, recorder.said
    recorded = [msg for _, msg, _ in read_bag(ros.folder / "bag") if msg.utterance_id == 2]
    assert [msg.first_sample for msg in recorded] == [640 * index for index in range(60)]


@STORAGES
def test_a_recording_that_is_killed_is_repaired_and_replayed(ros: Graph, storage: str) -> None:
    bag = ros.folder / "bag"
    recorder = record(ros, bag, "--storage", storage, "--topics", "audio")
    ros.speak(voice(6.0), utterance_id=1)
    ros.wait(lambda: sum(path.stat().st_size for path in bag.iterdir()) > 4.2 * 32000, "most of it on the disk")
    recorder.kill()
    ros.stop_speaking()
    refused = visavis(ros, "replay", str(bag))
    assert refused.wait() == 2
    ros.wait(lambda: "visavis record --repair" in refused.said, "what to do")
    repair = visavis(ros, "record", "--repair", str(bag))
    assert repair.wait() == 0, repair.said
    saved = samples_of([msg for _, msg, _ in read_bag(bag)])
    assert len(saved) >= 4.0 * 16000, "all but about the last second"
    assert np.array_equal(saved, voice(6.0)[: len(saved)])
    heard = ros.listen(AudioChunk, "audio")
    visavis(ros, "replay", str(bag), "--rate", "20")
    ros.wait(lambda: len(heard) == len(saved) // 640, "the replay")


def test_hashes_on_the_wire_are_those_in_the_bag(ros: Graph) -> None:
    for name, kind in TOPICS.items():
        ros.node.create_publisher(kind, f"hash/{name}", 1)
        (info,) = ros.wait(lambda name=name: ros.node.get_publishers_info_by_topic(f"/hash/{name}"), name)
        assert str(info.topic_type_hash) == typestore_with(type_name(kind)).hash_rihs01(type_name(kind)), name


def test_recording_ends_by_itself_and_topics_of_others_are_found(ros: Graph) -> None:
    publisher = ros.node.create_publisher(CompressedImage, "elsewhere", 10)
    recorder = visavis(ros, "record", str(ros.folder / "bag"), "--topics", "elsewhere", "--duration", "6")
    ros.wait(publisher.get_subscription_count, "the recorder")
    for index in range(20):
        publisher.publish(CompressedImage(format=str(index)))
        ros.spin(0.02)
    assert recorder.wait() == 0
    assert [msg.format for _, msg, _ in read_bag(ros.folder / "bag")] == [str(index) for index in range(20)]
    with open_bag(ros.folder / "bag") as reader:
        assert reader.connections[0].ext.offered_qos_profiles[0].depth == 10


def test_a_disk_that_fails_ends_the_recording_with_what_to_do_and_leaves_the_stream_alone(ros: Graph) -> None:
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000)); import signal; "
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); from visavis.cli.main import main; sys.exit(main(sys.argv[1:]))"
    )
    bag = ros.folder / "bag"
    env_log = ros.env.pop("ROS_LOG_DIR")
    recorder = ros.run([sys.executable, "-c", code, "record", str(bag), "--topics", "audio"])
    ros.env["ROS_LOG_DIR"] = env_log
    heard = ros.listen(AudioChunk, "audio")
    ros.wait(lambda: "recording" in recorder.said, "the recorder")
    ros.speak(voice(14.0), pace=2.0, subscribers=2)
    assert recorder.wait() == 1
    assert "File too large" in recorder.said and f"visavis record --repair {bag}" in recorder.said
    assert "Traceback" not in recorder.said
    ros.wait(lambda: len(heard) == 350, "all of it: nobody else noticed")
    repair = visavis(ros, "record", "--repair", str(bag))
    assert repair.wait() == 0, repair.said
    saved = samples_of([msg for _, msg, _ in read_bag(bag)])
    assert len(saved) > 16000 * 4 and np.array_equal(saved, voice(14.0)[: len(saved)])


def test_replay_keeps_the_spacing_and_moves_or_keeps_the_stamps(ros: Graph) -> None:
    recorder = record(ros, ros.folder / "bag", "--topics", "audio")
    ros.speak(voice(2.0), utterance_id=3)
    ros.spin(1.0)
    assert recorder.stop() == 0
    stamps = [msg_to_stamp(msg.header.stamp) for _, msg, _ in read_bag(ros.folder / "bag")]
    ros.stop_speaking()
    for arguments, moved in (([], True), (["--keep-stamps"], False)):
        heard: list[AudioChunk] = []
        sent_ns: list[int] = []

        def hear(msg: AudioChunk, info: dict[str, int], heard: list[AudioChunk] = heard, sent_ns: list[int] = sent_ns) -> None:
            heard.append(msg)
            sent_ns.append(info["source_timestamp"])

        subscription = ros.node.create_subscription(AudioChunk, "again", hear, 100)
        player = visavis(ros, "replay", str(ros.folder / "bag"), "--remap", "/audio:=/again", *arguments)
        ros.wait(lambda heard=heard: len(heard) == 50, "the replay")
        assert player.wait() == 0, player.said
        ros.node.destroy_subscription(subscription)
        played = [msg_to_stamp(msg.header.stamp) for msg in heard]
        assert (played == stamps) is not moved
        moves = {new - old for new, old in zip(played, stamps, strict=True)}
        assert len(moves) == 1 + (moved and player.said.count("held up")), "all moved alike, but for what held the machine up"
        assert sent_ns[-1] - sent_ns[0] > 1.5e9, "not all at once"


def test_loop_plays_until_it_is_stopped_and_motion_follows_every_pass(ros: Graph) -> None:
    recorder = record(ros, ros.folder / "bag", "--topics", "audio")
    ros.speak(voice(1.0), utterance_id=3)
    ros.spin(1.0)
    assert recorder.stop() == 0
    ros.stop_speaking()
    ros.start("motion_diffusion")
    ros.wait(lambda: ros.state("motion_diffusion") == "active", "motion")
    motion = ros.listen(MotionChunk, "motion")
    player = visavis(ros, "replay", str(ros.folder / "bag"), "--loop")
    ros.wait(lambda: sum(msg.end_of_utterance for msg in motion) >= 3, "three passes")
    assert player.stop(signal.SIGINT) == 0
    passes: list[list[MotionChunk]] = [[]]
    for msg in motion:
        passes[-1].append(msg)
        if msg.end_of_utterance:
            passes.append([])
    first = frames_of(passes[0])
    assert len(first) == 30 and frames_of(passes[1]) == first and frames_of(passes[2]) == first


def test_a_bag_that_exists_and_a_bag_that_does_not_are_refused_with_what_to_do(ros: Graph) -> None:
    (ros.folder / "bag").mkdir()
    for arguments, says in (
        (["record", str(ros.folder / "bag")], "exists already"),
        (["replay", str(ros.folder / "nothing")], "there is no bag"),
        (["replay", str(ros.folder / "bag")], "is not a bag"),
        (["record", "--repair"], "name the bag"),
        (["replay", "x", "--rate", "0"], "--rate must be"),
        (["record", str(ros.folder / "other"), "--topics", "bad topic!"], "topic name"),
    ):
        process = visavis(ros, *arguments)
        assert process.wait() == 2, process.said
        assert says in process.said and "Traceback" not in process.said
    shutil.rmtree(ros.folder / "bag")
