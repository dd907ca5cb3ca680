"""A robot steers the avatar while it runs, and lets it listen: topics and parameters of motion_diffusion, good and bad ones."""

from pathlib import Path

import numpy as np
from geometry_msgs.msg import PointStamped
from rcl_interfaces.msg import Parameter, ParameterValue
from rcl_interfaces.srv import SetParameters
from ros_graph import Graph
from std_msgs.msg import String, UInt8MultiArray
from visavis_msgs.msg import AudioChunk, Expression, MotionChunk

from visavis.audio.load import load
from visavis.cli.defaults import default_speech
from visavis.motion.layout import ARKIT_INDEX, HEAD_ROTATION, head_euler_from_rotation, neutral_motion, rotation_from_6d
from visavis.motion.livelink import write_livelink
from visavis.ros.convert import msg_to_motion_chunk

SMILE, BROW, LOOK_LEFT = (ARKIT_INDEX[name] for name in ("mouthSmileLeft", "browInnerUp", "eyeLookOutLeft"))


def latest(motion: list[MotionChunk]) -> np.ndarray:
    return msg_to_motion_chunk(motion[-1]).values[-1]


def test_expression_look_at_style_and_parameters_show_while_it_runs(ros: Graph, tmp_path: Path) -> None:
    node = ros.start("motion_diffusion", look_at_seconds=2.0)
    ros.wait(lambda: ros.state("motion_diffusion") == "active", "motion")
    motion = ros.listen(MotionChunk, "motion")
    expression = ros.node.create_publisher(Expression, "expression", 10)
    look_at = ros.node.create_publisher(PointStamped, "look_at", 10)
    style = ros.node.create_publisher(String, "style", 10)
    for publisher in (expression, look_at, style):
        ros.wait(publisher.get_subscription_count, "a subscriber")
    ros.wait(lambda: len(motion) > 3, "idle motion")
    assert latest(motion)[SMILE] == 0

    expression.publish(Expression(emotion="happy", intensity=0.8))
    ros.wait(lambda: latest(motion)[SMILE] > 0.38, "a smile")
    point = PointStamped()
    point.point.x, point.point.y = 1.0, 0.5
    look_at.publish(point)
    ros.wait(lambda: latest(motion)[LOOK_LEFT] > 0.6, "a look to the left")
    assert head_euler_from_rotation(rotation_from_6d(latest(motion)[HEAD_ROTATION]))[0] < -1.0
    ros.wait(lambda: latest(motion)[LOOK_LEFT] < 0.05, "an end of the look after two seconds")
    assert latest(motion)[SMILE] > 0.38, "the smile stays"

    request = SetParameters.Request(
        parameters=[
            Parameter(name="emotion", value=ParameterValue(type=4, string_value="surprised")),
            Parameter(name="emotion_intensity", value=ParameterValue(type=3, double_value=0.5)),
        ]
    )
    assert all(result.successful for result in ros.call(SetParameters, "/motion_diffusion/set_parameters", request).results)
    ros.wait(lambda: latest(motion)[BROW] > 0.3 and latest(motion)[SMILE] < 0.02, "half a surprise")
    style.publish(String(data="warm"))
    ros.wait(lambda: latest(motion)[SMILE] > 0.1, "warmth")

    smiling = neutral_motion(120)
    smiling[:, [SMILE, ARKIT_INDEX["mouthSmileRight"]]] = 0.6
    write_livelink(tmp_path / "smiling.csv", smiling)
    style.publish(String(data=str(tmp_path / "smiling.csv")))
    ros.wait(lambda: latest(motion)[SMILE] > 0.4, "the smile of the clip")
    clip = SetParameters.Request(parameters=[Parameter(name="style", value=ParameterValue(type=4, string_value="neutral"))])
    assert ros.call(SetParameters, "/motion_diffusion/set_parameters", clip).results[0].successful
    ros.wait(lambda: latest(motion)[SMILE] < 0.05, "an end of it")
    clip.parameters[0].value.string_value = str(tmp_path / "smiling.csv")
    assert ros.call(SetParameters, "/motion_diffusion/set_parameters", clip).results[0].successful
    ros.wait(lambda: latest(motion)[SMILE] > 0.4, "the smile again, by parameter")

    expression.publish(Expression(emotion="bored", intensity=1.0))
    expression.publish(Expression(emotion="happy", intensity=float("nan")))
    point.header.frame_id = "map"
    look_at.publish(point)
    style.publish(String(data="loud"))
    ros.wait(lambda: ros.value("motion_diffusion", "steering_refused") == 4, "four refusals")
    assert "emotion must be one of neutral, happy" in node.said
    bad = SetParameters.Request(parameters=[Parameter(name="style", value=ParameterValue(type=4, string_value="loud"))])
    (result,) = ros.call(SetParameters, "/motion_diffusion/set_parameters", bad).results
    assert not result.successful and "calm" in result.reason
    assert latest(motion)[BROW] > 0.3, "what was good before stays"


def test_bytes_of_another_program_are_spoken(ros: Graph) -> None:
    node = ros.start("robot_inputs", audio="UInt8MultiArray", audio_rate=24000)
    ros.wait(lambda: ros.state("robot_inputs") == "active", "the node")
    heard = ros.listen(AudioChunk, "audio")
    publisher = ros.node.create_publisher(UInt8MultiArray, "audio_data", 100)
    ros.wait(publisher.get_subscription_count, "a subscriber")
    ros.wait(lambda: ros.node.count_publishers("audio"), "a publisher")
    tone = (np.sin(np.arange(24_000) / 10) * 8000).astype("<i2")
    for first in range(0, len(tone), 2400):
        publisher.publish(UInt8MultiArray(data=tone[first : first + 2400].tobytes()))
    publisher.publish(UInt8MultiArray(data=b"odd"))
    ros.wait(lambda: heard and heard[-1].end_of_utterance, "the end of the utterance")
    assert sum(len(msg.samples) for msg in heard) == 16_000
    ros.wait(lambda: ros.value("robot_inputs", "refused") == 1, "a refusal")
    ros.assert_no_errors()
    assert node.stop() == 0


def test_it_nods_with_its_mouth_shut_while_somebody_else_speaks(ros: Graph) -> None:
    ros.start("motion_diffusion")
    ros.wait(lambda: ros.state("motion_diffusion") == "active", "motion")
    motion = ros.listen(MotionChunk, "motion")
    listen = ros.node.create_publisher(AudioChunk, "listen", 10)
    ros.wait(listen.get_subscription_count, "a subscriber")
    ros.wait(lambda: len(motion) > 3, "idle motion")
    speech = load(default_speech())
    for first in range(0, len(speech), 640):
        msg = AudioChunk(utterance_id=1, first_sample=first, sample_rate=16000)
        msg.samples.frombytes(speech[first : first + 640].tobytes())
        listen.publish(msg)
        ros.spin(0.04)
    values = np.concatenate([msg_to_motion_chunk(msg).values for msg in motion])
    pitch = head_euler_from_rotation(rotation_from_6d(values[:, HEAD_ROTATION]))[:, 1]
    assert pitch.max() > 1.0, "a nod"
    assert values[:, BROW].max() > 0.03, "an attentive look"
    assert not values[:, ARKIT_INDEX["jawOpen"]].any()
    listen.publish(AudioChunk(utterance_id=1, sample_rate=44100, samples=[1]))
    ros.wait(lambda: ros.value("motion_diffusion", "refused") == 1, "a refusal")
