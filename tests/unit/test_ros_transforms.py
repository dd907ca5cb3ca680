"""The tree of frames: points go from any frame to any other that hangs together with it, and what cannot be is said."""

import numpy as np
import pytest
from geometry_msgs.msg import TransformStamped
from hypothesis import given
from hypothesis import strategies as st

from visavis.ros.transforms import MOST_FRAMES, STALE_NS, TransformError, TransformTree, quaternion, rotation


class Said:
    """A TFMessage as far as the tree looks at it."""

    def __init__(self, *transforms: TransformStamped) -> None:
        self.transforms = transforms


def link(child: str, parent: str, place: tuple[float, ...], turn: tuple[float, ...] = (0, 0, 0, 1)) -> TransformStamped:
    made = TransformStamped(child_frame_id=child)
    made.header.frame_id = parent
    made.transform.translation.x, made.transform.translation.y, made.transform.translation.z = map(float, place)
    q = made.transform.rotation
    q.x, q.y, q.z, q.w = map(float, turn)
    return made


LEFT = (0, 0, np.sqrt(0.5), np.sqrt(0.5))
"""A quarter turn to the left."""


def test_a_person_that_a_robot_sees_is_before_the_avatar() -> None:
    tree = TransformTree()
    tree.hear(Said(link("/base", "map", (5, 1, 0), LEFT), link("eye", "base", (0.1, 0, 0.9))), False, 0)
    tree.hear(Said(link("screen", "base", (0.2, 0, 1)), link("visavis", "screen", (0, 0, 0.05))), True, 0)
    # Two metres before the robot, which stands at (5, 1) and faces y.
    assert np.allclose(tree.bring((5, 3, 1.05), "map", "visavis", 0), (1.8, 0, 0))
    assert np.allclose(tree.bring((2, 0, 0), "eye", "/visavis", 0), (1.9, 0, -0.15)), "across, without the map"
    assert np.allclose(tree.bring(tree.bring((1, 2, 3), "visavis", "map", 0), "map", "visavis", 0), (1, 2, 3))
    assert np.allclose(tree.bring((1, 2, 3), "anywhere", "anywhere", 0), (1, 2, 3))
    with pytest.raises(TransformError, match='"base" is was last said 11 s ago'):
        tree.bring((5, 3, 1), "map", "visavis", STALE_NS + 1_000_000_000)
    assert np.allclose(tree.bring((0, 0, 0), "screen", "visavis", 99 * STALE_NS), (0, 0, -0.05)), "what never moves is never old"


def test_what_cannot_be_is_said() -> None:
    tree = TransformTree()
    tree.hear(Said(link("visavis", "screen", (0, 0, 0)), link("hand", "arm", (0, 0, 0))), True, 0)
    with pytest.raises(TransformError, match='where the frame "nowhere" is'):
        tree.bring((0, 0, 0), "nowhere", "visavis", 0)
    with pytest.raises(TransformError, match='not connected: publish a transform from "arm" to "screen"'):
        tree.bring((0, 0, 0), "hand", "visavis", 0)
    tree.hear(Said(link("screen", "visavis", (0, 0, 0))), True, 0)
    with pytest.raises(TransformError, match="in a circle"):
        tree.bring((0, 0, 0), "hand", "visavis", 0)
    before = len(tree)
    nonsense = [
        link("a", "a", (0, 0, 0)),
        link("", "b", (0, 0, 0)),
        link("c", "d", (np.nan, 0, 0)),
        link("e", "f", (0, 0, 0), (0, 0, 0, 0)),
    ]
    tree.hear(Said(*nonsense), False, 0)
    assert (tree.refused, len(tree)) == (4, before)
    tree.hear(Said(*(link(f"frame{n}", "map", (0, 0, 0)) for n in range(2 * MOST_FRAMES))), False, 0)
    assert len(tree) == MOST_FRAMES


@given(st.lists(st.floats(-1, 1), min_size=4, max_size=4).filter(lambda q: np.linalg.norm(q) > 0.1))
def test_a_rotation_has_one_quaternion(xyzw: list[float]) -> None:
    matrix = rotation(xyzw)
    assert np.allclose(matrix @ matrix.T, np.eye(3)) and np.isclose(np.linalg.det(matrix), 1)
    assert np.allclose(rotation(quaternion(matrix)), matrix, atol=1e-9) and quaternion(matrix)[3] >= 0
