"""Settings of every test run: ROS checks what it is given, graphs do not hear each other, and slow tests come last."""

import os
import signal
import sys
from pathlib import Path

import pytest
from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent))

from standstill import Watch

# Read when ROS messages are imported: values of a wrong type or length raise instead of being sent.
os.environ.setdefault("ROS_PYTHON_CHECK_FIELDS", "1")
# Two test runs on one machine, or a graph that somebody runs beside them, must not mix.
os.environ.setdefault("ROS_DOMAIN_ID", str(10 + os.getpid() % 90))
os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")

# A shell that runs the tests in the background has children ignore SIGINT, and they theirs; the tests send it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes says more about the machine than about the code. CI draws the same examples each time, a developer new ones.
settings.register_profile("visavis", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("visavis")


LIVE = {"ros", "e2e"}
"""Folders of tests that run processes which keep time, if they are not marked `offline`."""
_watch = pytest.StashKey[Watch]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_watch] = Watch()


def pytest_unconfigure(config: pytest.Config) -> None:
    config.stash[_watch].close()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the order of the files, but put what is marked slow at the end. Live tests run by themselves (`-m live`) and may be tried again
    where the machine stood still."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is not None)
    for item in items:
        if item.path.parent.name in LIVE and item.get_closest_marker("offline") is None:
            item.add_marker("live")
            item.add_marker(pytest.mark.flaky(reruns=2, condition=config.stash[_watch].stood_still))


def pytest_runtest_setup(item: pytest.Item) -> None:
    item.config.stash[_watch].begin()
