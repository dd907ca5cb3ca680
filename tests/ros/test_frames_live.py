"""The avatar in a robot's world: its head and eyes are frames of TF, and it looks at points of other frames, as the robot moves too."""

import sys

import numpy as np
from geometry_msgs.msg import PointStamped, TransformStamped
from rclpy.qos import DurabilityPolicy, QoSProfile
from ros_graph import Graph
from tf2_msgs.msg import TFMessage

from visavis.ros.transforms import TransformError, TransformTree, quaternion

LATCHED = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)
PERSON = (2.0, 1.0, 1.3)
"""Somebody who stands in the room, metres in the frame map."""


def said(child: str, parent: str, place: tuple[float, float, float], yaw: float = 0.0) -> TFMessage:
    made = TransformStamped(child_frame_id=child)
    made.header.frame_id = parent
    made.transform.translation.x, made.transform.translation.y, made.transform.translation.z = place
    turn = np.array([[np.cos(yaw), -np.sin(yaw), 0], [np.sin(yaw), np.cos(yaw), 0], [0, 0, 1]])
    q = made.transform.rotation
    q.x, q.y, q.z, q.w = quaternion(turn).tolist()
    return TFMessage(transforms=[made])


def test_the_avatar_looks_at_somebody_in_the_room(ros: Graph) -> None:
    ros.start("motion_diffusion", look_at_seconds=0.0)
    ros.run([sys.executable, "-m", "visavis.nodes.control_render", "--ros-args", "-p", "autostart:=true"])
    for name in ("motion_diffusion", "control_render"):
        ros.wait(lambda name=name: ros.state(name) == "active", name)
    tree = TransformTree()
    for topic, profile in (("/tf", QoSProfile(depth=100)), ("/tf_static", LATCHED)):
        ros.node.create_subscription(TFMessage, topic, lambda msg, static=profile is LATCHED: tree.hear(msg, static, 0), profile)
    moving, fixed = ros.node.create_publisher(TFMessage, "/tf", 10), ros.node.create_publisher(TFMessage, "/tf_static", LATCHED)
    look_at = ros.node.create_publisher(PointStamped, "look_at", 10)
    ros.wait(look_at.get_subscription_count, "a subscriber to look_at")
    fixed.publish(said("visavis", "base", (0.1, 0.0, 1.2)))
    yaw = 0.0
    ros.node.create_timer(0.1, lambda: moving.publish(said("base", "map", (0.0, 0.5, 0.0), yaw)))

    def off() -> float:
        """Degrees between where the eyes look and where the person is."""
        try:
            eyes = [[tree.bring(point, f"visavis_{side}_eye", "map", 0) for point in ((0, 0, 0), (1, 0, 0))] for side in ("left", "right")]
        except TransformError:
            return 180.0
        gaze, way = (eyes[0][1] - eyes[0][0]) + (eyes[1][1] - eyes[1][0]), np.array(PERSON) - (eyes[0][0] + eyes[1][0]) / 2
        return float(np.degrees(np.arccos(gaze @ way / np.linalg.norm(gaze) / np.linalg.norm(way))))

    ros.wait(lambda: off() < 180, "frames of the avatar that hang together with the robot's")
    point = PointStamped()
    point.header.frame_id = "map"
    point.point.x, point.point.y, point.point.z = PERSON
    look_at.publish(point)
    ros.wait(lambda: off() < 6, "eyes on the person")
    yaw = 0.5
    ros.wait(lambda: tree.bring((1, 0, 0), "base", "map", 0)[1] > 0.9 and off() < 6, "eyes on the person again after the robot has turned")

    # The camera of the pictures.
    assert np.allclose(tree.bring((0, 0, 1), "visavis_camera", "visavis", 0)[1:], 0, atol=0.3)
    assert tree.bring((0, 0, 0), "visavis_camera", "visavis", 0)[0] > 1

    point.header.frame_id = "kitchen"
    look_at.publish(point)
    ros.wait(lambda: ros.value("motion_diffusion", "steering_refused") == 1, "a refusal")
    assert any('where the frame "kitchen" is' in line for process in ros.processes for line in process.lines)
    ros.assert_no_errors()
