"""Nodes as ROS manages them: transitions, failures that say what to do, autostart, signals, death and return."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from lifecycle_msgs.msg import Transition
from rcl_interfaces.srv import DescribeParameters, SetParameters
from rclpy.parameter import Parameter
from ros_graph import DOUBLES, PATIENCE, Graph, quickest, voice
from sensor_msgs.msg import Image
from visavis_msgs.msg import MotionChunk

NODES = ("audio_capture", "motion_diffusion", "control_render", "video_generation")
PARAMETERS = {"audio_capture": {"source": "topic"}, "motion_diffusion": {}, "control_render": {}, "video_generation": {}}


def weights(folder: Path, text: str) -> str:
    folder.mkdir(exist_ok=True)
    (folder / "weights").write_text(text)
    return str(folder)


@pytest.mark.parametrize("name", NODES)
def test_every_transition_and_a_clean_end(ros: Graph, name: str) -> None:
    process = ros.start(name, autostart=False, **PARAMETERS[name])
    assert ros.lifecycle_state(name) == "unconfigured"
    for _ in range(2):
        for transition, state in (
            (Transition.TRANSITION_CONFIGURE, "inactive"),
            (Transition.TRANSITION_ACTIVATE, "active"),
            (Transition.TRANSITION_DEACTIVATE, "inactive"),
            (Transition.TRANSITION_ACTIVATE, "active"),
            (Transition.TRANSITION_DEACTIVATE, "inactive"),
            (Transition.TRANSITION_CLEANUP, "unconfigured"),
        ):
            assert ros.transition(name, transition), (transition, process.said)
            assert ros.lifecycle_state(name) == state
    assert not ros.node.get_publishers_info_by_topic("/motion")
    ros.transition(name, Transition.TRANSITION_CONFIGURE)
    ros.transition(name, Transition.TRANSITION_ACTIVATE)
    assert ros.transition(name, Transition.TRANSITION_ACTIVE_SHUTDOWN)
    assert ros.lifecycle_state(name) == "finalized"
    assert process.stop() == 0, process.said
    assert "Traceback" not in process.said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_active_nodes_end_cleanly_within_three_seconds(ros: Graph, number: int) -> None:
    def end_all(_attempt: int) -> float:
        processes = ros.start_avatar()
        listening = ros.listen(Image, "image_raw")
        ros.wait(lambda: listening, "pictures")
        for process in processes.values():
            process.process.send_signal(number)
        begun = time.monotonic()
        for name, process in processes.items():
            assert process.wait() == 0, (name, process.said)
            assert "Traceback" not in process.said
        ended = time.monotonic()
        ros.forget()
        return ended - begun

    assert quickest(end_all, 3.0) < 3.0


def test_missing_and_corrupt_weights_fail_with_their_path_and_heal(ros: Graph) -> None:
    folder = ros.folder / "weights"
    folder.mkdir()
    process = ros.start("motion_diffusion", autostart=False, weights=str(folder))
    assert not ros.transition("motion_diffusion", Transition.TRANSITION_CONFIGURE)
    ros.wait(lambda: f"{folder}/weights is missing: run" in process.said, "the line about the missing file")
    assert ros.lifecycle_state("motion_diffusion") == "unconfigured"
    weights(folder, "rotten")
    assert not ros.transition("motion_diffusion", Transition.TRANSITION_CONFIGURE)
    ros.wait(lambda: f"{folder}/weights is corrupt" in process.said, "the line about the corrupt file")
    ros.wait(lambda: ros.level("motion_diffusion") == 2, "level ERROR")
    weights(folder, "good")
    assert ros.transition("motion_diffusion", Transition.TRANSITION_CONFIGURE)
    ros.wait(lambda: ros.level("motion_diffusion") == 0, "level OK")


def test_autostart_says_why_once_stays_up_and_tries_again(ros: Graph) -> None:
    folder = ros.folder / "weights"
    process = ros.start("motion_diffusion", weights=str(folder))
    ros.wait(lambda: ros.state("motion_diffusion") == "unconfigured" and "is missing" in process.said, "the failure")
    ros.wait(lambda: "is missing" in ros.diagnostics["motion_diffusion"][1], "the reason in diagnostics")
    ros.spin(6)
    weights(folder, "good")
    ros.wait(lambda: ros.state("motion_diffusion") == "active", "the node to heal")
    assert process.said.count("is missing") == 1


@pytest.mark.parametrize(("node", "parameter"), [("motion_diffusion", "weights"), ("video_generation", "picture_weights")])
def test_the_real_nodes_name_the_weights_that_are_missing(ros: Graph, node: str, parameter: str) -> None:
    flags = ["-p", "autostart:=true", "-p", f"{parameter}:=/nonexistent/weights"]
    process = ros.run([sys.executable, "-m", f"visavis.nodes.{node}", "--ros-args", *flags])
    ros.wait(lambda: "/nonexistent/weights" in process.said, "the path of the weights")
    ros.wait(lambda: ros.level(node) == 2, "level ERROR")
    assert "Traceback" not in process.said
    assert process.stop() == 0


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"source": "file", "audio": ""}, "set the parameter audio"),
        ({"source": "file", "audio": "/nonexistent.wav"}, "/nonexistent.wav does not exist"),
        ({"source": "file", "audio": __file__}, "is damaged or not a sound file"),
    ],
)
def test_sound_files_that_cannot_be_played_fail_with_what_to_do(ros: Graph, parameters: dict, says: str) -> None:
    process = ros.start("audio_capture", **parameters)
    ros.wait(lambda: says in process.said, says)
    assert ros.lifecycle_state("audio_capture") == "unconfigured"


@pytest.mark.parametrize("parameter", ["chunk_ms:=5", "source:=radio", "chunk_ms:=many", "wait_for:=3"])
def test_parameters_that_make_no_sense_end_the_process_with_their_name(ros: Graph, parameter: str) -> None:
    process = ros.run([sys.executable, "-m", "visavis.nodes.audio_capture", "--ros-args", "-p", parameter])
    assert process.wait() == 2
    assert parameter.split(":=")[0] in process.said and "Traceback" not in process.said


def test_parameters_are_described_and_checked_while_the_node_runs(ros: Graph) -> None:
    ros.start("video_generation", autostart=False)
    request = DescribeParameters.Request(names=["jpeg_quality", "playout_delay", "pixel_format"])
    quality, delay, encoding = ros.call(DescribeParameters, "/video_generation/describe_parameters", request).descriptors
    assert (quality.integer_range[0].from_value, quality.integer_range[0].to_value) == (1, 100)
    assert delay.description and delay.floating_point_range
    assert "rgb8" in encoding.additional_constraints
    changes = [Parameter("jpeg_quality", value=1000), Parameter("pixel_format", value="yuv"), Parameter("jpeg_quality", value=50)]
    request = SetParameters.Request(parameters=[change.to_parameter_msg() for change in changes])
    results = ros.call(SetParameters, "/video_generation/set_parameters", request).results
    assert [result.successful for result in results] == [False, False, True]
    assert "one of" in results[1].reason


def test_a_parameter_that_would_have_no_effect_any_more_is_refused(ros: Graph) -> None:
    ros.start("video_generation")
    ros.wait(lambda: ros.state("video_generation") == "active", "the node")
    request = SetParameters.Request(parameters=[Parameter("framerate", value=15.0).to_parameter_msg()])
    (result,) = ros.call(SetParameters, "/video_generation/set_parameters", request).results
    assert not result.successful and "takes effect when the node is configured" in result.reason
    assert ros.transition("video_generation", Transition.TRANSITION_DEACTIVATE) and ros.transition(
        "video_generation", Transition.TRANSITION_CLEANUP
    )
    (result,) = ros.call(SetParameters, "/video_generation/set_parameters", request).results
    assert result.successful


def test_whole_numbers_are_taken_for_decimal_ones_and_qos_can_be_overridden(ros: Graph) -> None:
    flags = ["-p", "autostart:=true", "-p", "playout_delay:=1", "-p", "qos_overrides./image_raw.publisher.reliability:=best_effort"]
    process = ros.run([sys.executable, str(DOUBLES), "video_generation", "--ros-args", *flags])
    ros.wait(lambda: ros.state("video_generation") == "active", process.said or "the node")
    (info,) = ros.node.get_publishers_info_by_topic("/image_raw")
    assert info.qos_profile.reliability.name == "BEST_EFFORT"


def test_a_node_that_is_killed_comes_back_and_the_stream_goes_on(ros_over_udp: Graph) -> None:
    ros = ros_over_udp
    processes = ros.start_avatar()
    pictures, motion = ros.listen(Image, "image_raw"), ros.listen(MotionChunk, "motion")
    ros.wait(lambda: len(pictures) > 10, "pictures")
    for name in ("motion_diffusion", "control_render", "video_generation"):
        processes[name].kill()
        processes[name] = ros.replace(processes[name], name)
        pictures.clear()
        motion.clear()
        ros.wait(lambda: len(pictures) > 10 and motion, f"pictures after the return of {name}")
    ros.speak(voice(1.0), utterance_id=9, subscribers=2)
    ros.wait(lambda: any(msg.end_of_utterance for msg in motion), "speech after it all")


def test_an_error_in_a_stage_costs_one_utterance_not_the_node(ros: Graph) -> None:
    processes = ros.start_avatar()
    motion = ros.listen(MotionChunk, "motion")
    ros.speak(np.full(8000, 32767, np.int16), utterance_id=1, subscribers=2)  # the double cannot bear full loudness
    ros.wait(lambda: ros.value("motion_diffusion", "errors") == 1, "the error to be counted")
    ros.wait(lambda: "too loud for this stage" in processes["motion_diffusion"].said, "the line about it")
    assert "Traceback" not in processes["motion_diffusion"].said
    motion.clear()
    ros.speak(voice(0.5), utterance_id=2, subscribers=2)
    ros.wait(lambda: any(msg.utterance_id == 2 and msg.end_of_utterance for msg in motion), "the next utterance")


def test_a_microphone_that_is_absent_is_told_and_tried_again(ros: Graph) -> None:
    process = ros.start("audio_capture", source="microphone", device="no such device")
    ros.wait(lambda: ros.level("audio_capture") == 2, "level ERROR")
    ros.wait(lambda: ros.value("audio_capture", "microphone_losses") >= 3, "three tries")
    assert "trying again" in process.said and process.said.count("trying again") == 1
    assert process.stop() == 0


def test_two_avatars_live_in_two_namespaces(ros: Graph) -> None:
    for namespace in ("left", "right"):
        for name in ("motion_diffusion", "control_render", "video_generation"):
            ros.run([sys.executable, str(DOUBLES), name, "--ros-args", "-p", "autostart:=true", "-r", f"__ns:=/{namespace}"])
    left, right = ros.listen(Image, "/left/image_raw"), ros.listen(Image, "/right/image_raw")
    ros.wait(lambda: len(left) > 5 and len(right) > 5, "pictures of both")
    assert not ros.node.get_publishers_info_by_topic("/image_raw")


def test_late_joiners_see_the_present(ros: Graph) -> None:
    ros.start_avatar()
    early = ros.listen(Image, "image_raw")
    ros.wait(lambda: len(early) > 30, "pictures")
    late = ros.listen(Image, "image_raw")
    ros.wait(lambda: len(late) > 5, "pictures for the latecomer")
    now = ros.node.get_clock().now().nanoseconds
    assert now - (late[0].header.stamp.sec * 10**9 + late[0].header.stamp.nanosec) < 10 * 10**9
    assert late[0].header.stamp in [msg.header.stamp for msg in early]


def test_a_stand_by_is_known_to_the_others_before_it_is_needed(ros: Graph) -> None:
    command = [sys.executable, str(DOUBLES), "video_generation", "--ros-args", "-p", "autostart:=true"]
    env = ros.env | {"VISAVIS_STANDBY": "wait"}
    for word in ("go\n", ""):
        with subprocess.Popen(command, env=env, stdin=subprocess.PIPE, text=True, start_new_session=True) as process:
            try:
                ros.wait(lambda: "_standby" in ros.node.get_node_names(), "the stand-by")
                assert "video_generation" not in ros.node.get_node_names()
                assert process.stdin is not None
                process.stdin.write(word)
                process.stdin.close()
                if word:
                    ros.wait(lambda: ros.state("video_generation") == "active", "the node")
                    ros.wait(lambda: "_standby" not in ros.node.get_node_names(), "an end of standing by")
                    process.send_signal(signal.SIGINT)
                assert process.wait(PATIENCE) == 0, "also where nobody needs it any more"
            finally:
                process.kill()
        ros.wait(lambda: not {"_standby", "video_generation"} & set(ros.node.get_node_names()), "an end")
