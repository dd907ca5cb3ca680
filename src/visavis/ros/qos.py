"""Quality of service of every topic: reliable, the newest few kept, nothing for latecomers. All of it can be overridden by parameters
(``qos_overrides./topic.publisher.depth`` and so on, as everywhere in ROS)."""

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions

AUDIO_DEPTH = 100
AUDIO_QUEUE_DEPTH = 1000
"""Of subscriptions: text-to-speech may publish a whole sentence at once, and a chunk that DDS replaces would be a gap."""
MOTION_DEPTH = 20
CONTROL_DEPTH = 60
"""The frames of an utterance that was processed ahead of its time come in one burst."""
PICTURE_DEPTH = 5
COMPRESSED_DEPTH = 30
"""A second of pictures, about 3 MB: a recorder that is late for a moment misses none."""
STEERING_DEPTH = 10
DIAGNOSTICS_DEPTH = 10
DIAGNOSTICS_TOPIC = "/diagnostics"


def stream(depth: int) -> QoSProfile:
    return QoSProfile(
        depth=depth, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.VOLATILE
    )


def latched() -> QoSProfile:
    """For what is said once and holds until it is said again: latecomers hear the last word too."""
    return QoSProfile(
        depth=1, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
    )


def overridable() -> QoSOverridingOptions:
    return QoSOverridingOptions.with_default_policies()
