"""The default portrait, fitted once for all tests that draw or pose it. Needs `visavis assets fetch`."""

import pytest

from visavis.cli.defaults import default_portrait
from visavis.portrait.cache import load_portrait
from visavis.types_portrait import PortraitRig


@pytest.fixture(scope="session")
def portrait() -> PortraitRig:
    return load_portrait(default_portrait())
