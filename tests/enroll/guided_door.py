"""A door whose camera films a simulated person who watches its lamps: run by a test in a terminal of its own.

`python guided_door.py STATE MODELS NAME puppet|print`; the clock is a fake one, and no second is waited.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from device.app import build_photo_extractor
from device.clock import FakeClock
from device.config import decode_settings
from device.measure.simulate.follower import Follower, FollowingPuppet
from device.measure.simulate.portraits import grace_hopper
from device.measure.simulate.posture import walk_up
from device.measure.simulate.print_attack import PrintAttack
from device.measure.simulate.puppet import Puppet
from device.measure.simulate.scenes import StagedCamera, Visit, Visitor
from device.measure.simulate.sheet import wave
from enroll.cast import portrait_of
from enroll.cli import run
from enroll.consent import consent_given
from enroll.console import out
from enroll.guide import ask_for_consent, enrol_at
from enroll.guide_screen import Screen
from enroll.live import Request, Station

GESTURES = {"look_left": "turn_left", "look_right": "turn_right", "look_up": "look_up", "look_down": "look_down"}
SAME = {"open_mouth", "come_closer"}


@click.command()
@click.argument("state")
@click.argument("models")
@click.argument("name")
@click.argument("visitor")
def guided(state: str, models: str, name: str, visitor: str) -> None:
    text = f"[site]\nstate_folder = '{state}'\nmodels_folder = '{models}'\n[liveness]\nuse_texture = false\n"
    settings, clock = decode_settings(text.encode()), FakeClock()
    stills = build_photo_extractor(settings)
    still = grace_hopper()
    follower = Follower(walk_up(3, walk_s=0.5, turn_deg=0.0), seed=1)
    puppet = FollowingPuppet(Puppet(still, stills.locate(still)), follower)
    print_ = PrintAttack(portrait_of(still, stills), wave(7, tilt_deg=15.0))
    filmed: Visitor = puppet if visitor == "puppet" else print_
    began = clock.monotonic()

    def indicate(word: str) -> None:
        gesture = GESTURES.get(word, word if word in SAME else None)
        follower.show(gesture, t_s=clock.monotonic() - began)

    @contextlib.contextmanager
    def station() -> Iterator[Station]:
        yield Station(StagedCamera((Visit(name, filmed, 120.0),), rate_hz=15.0, clock=clock).frames(), indicate)

    how = ask_for_consent(settings.enrolment, name)
    request = Request(name=name, consent=consent_given(how, settings.enrolment, at=clock.now()))
    with Screen(out) as screen:
        enrol_at(settings, request, screen, open_station=station, as_json=False)


if __name__ == "__main__":
    assert Path(sys.argv[2]).is_dir()
    sys.exit(run(guided, sys.argv[1:]))
