import numpy as np
import pytest

from visavis.ros.points import keypoints_to_msg


def test_keypoints_are_a_cloud_in_metres() -> None:
    msg = keypoints_to_msg([[256, 300, 0.6], [100, 200, 0.7]], 5, "visavis")
    assert [(field.name, field.offset, field.datatype, field.count) for field in msg.fields] == [
        ("x", 0, 7, 1),
        ("y", 4, 7, 1),
        ("z", 8, 7, 1),
    ]
    assert (msg.width, msg.height, msg.point_step, msg.row_step, msg.is_bigendian) == (2, 1, 12, 24, False)
    np.testing.assert_allclose(np.frombuffer(msg.data, np.float32).reshape(2, 3), [[0.256, 0.3, 0.6], [0.1, 0.2, 0.7]], rtol=1e-6)


def test_keypoints_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        keypoints_to_msg(np.zeros((4, 2)), 0, "")
