from collections.abc import Iterator
from pathlib import Path

import pytest
from ros_graph import Graph, graph


@pytest.fixture
def ros(tmp_path: Path) -> Iterator[Graph]:
    """A graph in a ROS domain of its own."""
    with graph(tmp_path) as made:
        yield made


@pytest.fixture
def ros_over_udp(tmp_path: Path) -> Iterator[Graph]:
    """A graph whose listener survives that nodes are killed."""
    with graph(tmp_path, shared_memory=False) as made:
        yield made
