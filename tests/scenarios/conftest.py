from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from walkway import Filmed, Play, Walkway, open_walkway

from device.measure.simulate.clip import Clip
from device.measure.simulate.portraits import eileen_collins, grace_hopper
from device.measure.simulate.posture import walk_up
from device.measure.simulate.print_attack import PrintAttack, crop_to_face
from device.measure.simulate.puppet import Puppet, PuppetVisitor
from device.measure.simulate.sheet import wave
from device.vision.enrolment import StillExtractor
from enroll.cast import first_usable, frames_of
from models.store import Installed

WALK = walk_up(3, walk_s=1.5)


@pytest.fixture(scope="session")
def grace(stills: StillExtractor) -> Puppet:
    """A simulated person, who is enrolled."""
    return Puppet(grace_hopper(), stills.locate(grace_hopper()))


@pytest.fixture(scope="session")
def eileen(stills: StillExtractor) -> Puppet:
    """Another one, who is not."""
    return Puppet(eileen_collins(), stills.locate(eileen_collins()))


@pytest.fixture(scope="session")
def puppets(networks: Installed, stills: StillExtractor, grace: Puppet, eileen: Puppet) -> Play:
    """Puppets of two public-domain portraits. Their skin is a photo, so motion alone must show a live head."""
    portrait = grace_hopper()
    return Play(
        networks,
        portrait,
        person=Filmed(PuppetVisitor(grace, WALK)),
        stranger=Filmed(PuppetVisitor(eileen, WALK)),
        photo=Filmed(PrintAttack(crop_to_face(portrait, stills.locate(portrait)), wave(7, tilt_deg=15.0))),
        liveness={"mode": "passive", "use_texture": False},
    )


@pytest.fixture(scope="session")
def recordings(standard_networks: Installed, stills: StillExtractor, head_turns: Path, another_man: Path) -> Play:
    """A man who is enrolled from an early frame of a real recording and walked up to from a later stretch of it."""
    still = first_usable(frames_of(Clip(head_turns)), stills, described="the recording")
    return Play(
        standard_networks,
        still,
        person=Filmed(Clip(head_turns, start_s=8.0)),
        stranger=Filmed(Clip(another_man)),
        photo=Filmed(PrintAttack(crop_to_face(still, stills.locate(still)), wave(7, tilt_deg=15.0))),
        liveness={"mode": "passive"},
    )


@pytest.fixture(params=["recordings", "puppets"])
def play(request: pytest.FixtureRequest) -> Play:
    """The play with real people, where there is a recording of them, and the one with puppets."""
    return cast("Play", request.getfixturevalue(request.param))


@pytest.fixture
def walkway(play: Play, tmp_path: Path) -> Iterator[Walkway]:
    with open_walkway(play.settings(tmp_path)) as opened:
        yield opened
