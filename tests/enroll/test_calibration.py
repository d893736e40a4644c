from __future__ import annotations

import sys
from pathlib import Path

import msgspec
import pytest

from device.config import Settings, SiteSettings
from enroll.calibration import calibrate
from models.errors import ManifestError
from models.range_table import read_ranges

sys.path.append(str(Path(__file__).parents[1] / "models"))  # the helper beside the tests of the networks
from installed_models import installed, shared


@pytest.fixture
def settings() -> Settings:
    """Those of a door in whose store the standard profile is installed."""
    state = installed("standard").store.root.parent
    return msgspec.structs.replace(Settings(), site=SiteSettings(state_folder=str(state)))


def test_the_committed_table_is_what_the_photos_give(settings: Settings) -> None:
    folders = [shared("data/lfw-dev"), shared("data/portraits-dev")]
    measured, committed = calibrate(settings, "mobilefacenet", folders, photos=100), read_ranges("mobilefacenet.json")
    assert measured.inputs >= 95
    assert list(measured.ranges) == list(committed.ranges)
    for tensor, (low, high) in committed.ranges.items():
        assert measured.ranges[tensor] == pytest.approx((low, high), rel=0.35, abs=0.35), tensor


def test_a_network_that_is_not_listed_cannot_be_calibrated(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="no network 'nonsense'"):
        calibrate(settings, "nonsense", [tmp_path], photos=1)
