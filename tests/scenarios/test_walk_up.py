"""Somebody walks up to the door: real networks, real loop, real rules, real files; only the lock and time are fake."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
from walkway import Play, Swapped, Walkway, open_walkway, outcomes

from device.audit.chain import Intact
from device.audit.log import reading_audit
from device.collection.store import open_collection
from device.measure.simulate.posture import Posture, walk_up
from device.measure.simulate.puppet import Puppet, PuppetVisitor
from device.measure.simulate.scenes import EmptyRoom
from device.types import Deny, DenyReason, Grant, Match, NonMatch, PersonFacts


def test_an_enrolled_person_is_granted_and_the_grant_is_in_the_audit_first(play: Play, walkway: Walkway) -> None:
    person = walkway.enrol("Ada", play.still)
    (decided,) = walkway.play(play.person, 5.0)
    assert decided.decision == Grant(person, walkway.settings.door.release_for_s)
    assert walkway.door.recorded_before == [["1 decision.granted"]]
    (release,) = walkway.door.releases
    assert release["audit_sequence"] == 1
    assert walkway.clock.monotonic() - release["captured_at"] < walkway.settings.policy.freshness_s
    ((kind, facts),) = walkway.recorded()
    assert (kind, facts["person"]) == ("decision.granted", person)
    with reading_audit(walkway.settings.audit_file) as reader:
        assert isinstance(reader.verify(), Intact)


def test_a_stranger_is_denied(play: Play, walkway: Walkway) -> None:
    walkway.enrol("Ada", play.still)
    decided = walkway.watch(play.stranger, 5.0)
    assert decided
    assert "granted" not in outcomes(decided)
    assert all(one.person is None for one in decided)
    assert walkway.door.releases == []


def test_a_printed_photo_never_opens_the_door(play: Play, walkway: Walkway) -> None:
    walkway.enrol("Ada", play.still)
    decided = walkway.watch(play.photo, 5.0)
    assert decided
    assert "granted" not in outcomes(decided)
    assert walkway.door.releases == []


def test_at_an_empty_collection_nobody_is_let_in(play: Play, walkway: Walkway) -> None:
    assert "granted" not in outcomes(walkway.play(play.person, 4.0))
    assert walkway.door.releases == []


def test_an_empty_room_decides_nothing(walkway: Walkway) -> None:
    assert walkway.watch(EmptyRoom(), 1.0) == []
    assert walkway.recorded() == []


def lintel(root: Path, *arguments: str | Path) -> None:
    """The administrator's command in a process of its own."""
    command = [sys.executable, "-c", "from enroll.cli import main; main()", *map(str, arguments)]
    elsewhere = {name: value for name, value in os.environ.items() if name != "LINTEL_STATE"}
    subprocess.run(command, check=True, capture_output=True, cwd=root, env=elsewhere)


def test_a_person_added_by_another_process_is_recognised_within_a_second_without_restart(
    play: Play, walkway: Walkway, tmp_path: Path, root: Path
) -> None:
    """Through the very command that an administrator would use, while the person stands there."""
    photo, config = tmp_path / "ada.png", tmp_path / "lintel.toml"
    cv2.imwrite(str(photo), play.still)
    config.write_text(f"[site]\nstate_folder = '{tmp_path}'\nmodels_folder = '{play.networks.store.root}'\n")
    loop, gallery = walkway.appliance.loop, walkway.appliance.gallery
    frames = walkway.frames(play.person, 5.0)
    while not any(encounter.frames >= 6 for encounter in loop.encounters().values()):
        assert loop.observe(next(frames)) == []
    (encounter,) = loop.encounters().values()
    assert isinstance(gallery.search(encounter.probe()), NonMatch)
    lintel(root, "--config", config, "people", "add", "Ada", "--consent", "form", "--photo", photo)
    decided = loop.observe(next(frames))  # one frame later, a fifteenth of a second
    assert isinstance(gallery.search(encounter.probe()), Match)
    for frame in frames:
        decided += loop.observe(frame)
    assert "granted" in outcomes(decided)


def test_an_erased_person_is_not_known_any_more(play: Play, walkway: Walkway) -> None:
    person = walkway.enrol("Ada", play.still)
    with open_collection(walkway.settings.collection_file) as collection:
        collection.remove(person)
    decided = walkway.play(play.person, 5.0)
    assert "granted" not in outcomes(decided)
    assert all(one.person is None for one in decided)


def test_a_person_who_is_suspended_while_standing_there_is_denied(play: Play, walkway: Walkway) -> None:
    person = walkway.enrol("Ada", play.still)
    for number, frame in enumerate(walkway.frames(play.person, 5.0)):
        if number == 2:
            with open_collection(walkway.settings.collection_file) as collection:
                collection.set_facts(PersonFacts(person, is_suspended=True))
        if decided := walkway.appliance.loop.observe(frame):
            break
    assert [one.decision for one in decided] == [Deny(DenyReason.PERSON_SUSPENDED)]
    assert walkway.door.releases == []


def test_liveness_that_stays_undecided_is_a_denial(puppets: Play, grace: Puppet, tmp_path: Path) -> None:
    """An enrolled face that comes and goes and sways, and never turns, may be a picture."""

    def sway(t_s: float) -> Posture:
        return Posture(
            distance_mm=640 + 25 * math.sin(1.3 * t_s), x_mm=15 * math.sin(1.9 * t_s), y_mm=8 * math.sin(t_s)
        )

    with open_walkway(puppets.settings(tmp_path)) as walkway:
        person = walkway.enrol("Ada", puppets.still)
        decided = walkway.watch(PuppetVisitor(grace, sway), 5.0)
        assert set(outcomes(decided)) == {"liveness_undecided"}
        assert decided[0].person == person  # recognised all the same
        assert walkway.door.releases == []


def test_a_face_swapped_within_a_track_starts_over(
    puppets: Play, grace: Puppet, eileen: Puppet, tmp_path: Path
) -> None:
    """A live stranger looks around, and then a face that is enrolled, and only sways, takes the very same place."""
    walk, swapped_at_s = walk_up(3, walk_s=1.0), 3.0

    def sway(t_s: float) -> Posture:
        place = walk(swapped_at_s)
        distance_mm = place.distance_mm + 12.0 * math.sin(1.3 * t_s)
        return replace(place, distance_mm=distance_mm, x_mm=place.x_mm + 6.0 * math.sin(1.9 * t_s))

    visitor = Swapped(PuppetVisitor(eileen, walk), PuppetVisitor(grace, sway), swapped_at_s)
    patient = puppets.settings(tmp_path, recognition={"max_frames": 120})  # the stranger is not denied before the swap
    with open_walkway(patient) as walkway:
        walkway.enrol("Ada", puppets.still)
        decided = walkway.watch(visitor, 7.0)
        assert outcomes(decided) == ["not_enrolled"]  # the stranger's visit, which the swap ended
        assert walkway.door.releases == []
