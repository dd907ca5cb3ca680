"""The motion layout: slices tile the frame, rotations survive their forms, wrong arrays are refused by name."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from visavis.motion import layout

degrees = st.floats(-60, 60)


def test_slices_tile_the_frame_without_gap_or_overlap() -> None:
    slices = [
        layout.FACE, layout.HEAD_ROTATION, layout.HEAD_POSITION, layout.BODY, layout.LEFT_HAND, layout.RIGHT_HAND, layout.FACE_OFFSET,
    ]  # fmt: skip
    assert [s.start for s in slices] == [0] + [s.stop for s in slices[:-1]]
    assert slices[-1].stop == layout.MOTION_DIM
    assert layout.BODY.stop - layout.BODY.start == 6 * len(layout.BODY_JOINTS)
    assert len(set(layout.ARKIT_NAMES)) == layout.FACE.stop


@given(degrees, degrees, degrees)
def test_euler_angles_survive_the_matrix(yaw: float, pitch: float, roll: float) -> None:
    angles = layout.head_euler_from_rotation(layout.head_rotation_from_euler(yaw, pitch, roll))
    np.testing.assert_allclose(angles, [yaw, pitch, roll], atol=1e-3)


@given(degrees, degrees, degrees)
def test_rotations_survive_their_6d_form(yaw: float, pitch: float, roll: float) -> None:
    matrix = layout.head_rotation_from_euler(yaw, pitch, roll)
    np.testing.assert_allclose(layout.rotation_from_6d(layout.rotation_to_6d(matrix)), matrix, atol=1e-5)


@given(st.lists(st.floats(-3, 3), min_size=6, max_size=6))
def test_any_6d_value_gives_a_rotation(values: list[float]) -> None:
    matrix = layout.rotation_from_6d(values).astype(np.float64)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=2e-3)


@pytest.mark.parametrize(
    ("angles", "point", "axis", "sign"),
    [((10, 0, 0), (0, 0, -1), 0, -1), ((0, 10, 0), (0, 0, -1), 1, 1), ((0, 0, 10), (0, -1, 0), 0, 1)],
    ids=["yaw turns the nose to the viewer's left", "pitch lowers the nose", "roll tips the head clockwise"],
)
def test_signs_of_head_angles(angles: tuple[int, int, int], point: tuple[int, int, int], axis: int, sign: int) -> None:
    assert sign * (layout.head_rotation_from_euler(*angles) @ np.array(point))[axis] > 0.1


def test_neutral_motion_is_at_rest() -> None:
    neutral = layout.check_motion(layout.neutral_motion(2))
    assert neutral.shape == (2, layout.MOTION_DIM)
    np.testing.assert_array_equal(layout.rotation_from_6d(neutral[0, layout.HEAD_ROTATION]), np.eye(3))
    assert not neutral[:, layout.FACE].any()


def test_wrong_motion_is_refused_with_the_reason() -> None:
    with pytest.raises(ValueError, match=r"\(frames, 243\), got \(5, 52\)"):
        layout.check_motion(np.zeros((5, 52)))
    broken = layout.neutral_motion(3)
    broken[1, 4] = np.nan
    with pytest.raises(ValueError, match="1 values that are not finite"):
        layout.check_motion(broken)
