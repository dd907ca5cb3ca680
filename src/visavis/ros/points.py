"""Keypoints as a PointCloud2 for RViz. The only file that chooses between ``sensor_msgs_py`` (apt ROS) and numpy (the wheels lack it); the
two give the same bytes."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sensor_msgs.msg import PointCloud2, PointField
from std_msgs.msg import Header

from visavis.ros.convert import bulk, header

try:
    from sensor_msgs_py import point_cloud2
except ImportError:
    point_cloud2 = None

METRES_PER_PIXEL = 0.001
"""Scale of the view in RViz: the picture is 0.512 m wide."""


def keypoints_to_msg(keypoints: ArrayLike, stamp_ns: int, frame_id: str) -> PointCloud2:
    """Keypoints (K, 3), x and y in pixels and depth in metres, as points in metres in the axes of ROS optical frames (x right, y down, z
    forward)."""
    points = np.asarray(keypoints, np.float32)
    if points.ndim != 2 or points.shape[1] != 3:
        raise ValueError(f"keypoints must have shape (points, 3), got {points.shape}")
    return _make_cloud(header(stamp_ns, frame_id), points * np.array([METRES_PER_PIXEL, METRES_PER_PIXEL, 1], np.float32))


def xyz_cloud(cloud_header: Header, points: NDArray[np.float32]) -> PointCloud2:
    """An unordered cloud of float32 points (n, 3), as ``sensor_msgs_py.point_cloud2.create_cloud_xyz32`` lays it out."""
    fields = [PointField(name=name, offset=4 * index, datatype=PointField.FLOAT32, count=1) for index, name in enumerate("xyz")]
    return PointCloud2(
        header=cloud_header,
        height=1,
        width=len(points),
        fields=fields,
        is_bigendian=False,
        point_step=12,
        row_step=12 * len(points),
        data=bulk(points, "B"),
        is_dense=False,
    )


_make_cloud: Callable[[Header, NDArray[np.float32]], PointCloud2] = point_cloud2.create_cloud_xyz32 if point_cloud2 else xyz_cloud
