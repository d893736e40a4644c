from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from builders import make_newcomer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from people_builders import AT, MODEL, OTHER_MODEL, POINTS, THRESHOLDS, near, reference, template

from device.collection.gallery import Gallery
from device.collection.people import Reference
from device.collection.store import Collection, open_collection
from device.errors import CollectionUnreadableError, ModelMismatchError, TargetUnreachableError
from device.policy.threshold import OperatingPoint, ThresholdPolicy
from device.types import Match, NonMatch, PersonFacts


def enrol(collection: Collection, name: str, *seeds: int) -> str:
    return collection.add_person(make_newcomer(name, [reference(seed) for seed in seeds]), at=AT)


def test_an_empty_gallery_matches_nobody_and_has_a_threshold(collection: Collection) -> None:
    outcome = Gallery(collection, thresholds=THRESHOLDS).search(template(1))
    assert outcome == NonMatch(None, THRESHOLDS.choose(0))


def test_an_enrolled_person_matches_with_the_margin_to_the_best_other(collection: Collection) -> None:
    ada = enrol(collection, "Ada", 1)
    enrol(collection, "Grace", 2)
    probe = near(template(1), seed=50, noise=0.3)
    outcome = Gallery(collection, thresholds=THRESHOLDS).search(probe)
    assert isinstance(outcome, Match)
    assert outcome.person == ada
    assert outcome.score == pytest.approx(float(probe.vector @ template(1).vector), abs=1e-6)
    assert outcome.margin == pytest.approx(outcome.score - float(probe.vector @ template(2).vector), abs=1e-6)
    assert outcome.threshold == THRESHOLDS.choose(2)


def test_the_only_person_has_the_widest_margin(collection: Collection) -> None:
    enrol(collection, "Ada", 1, 2)
    outcome = Gallery(collection, thresholds=THRESHOLDS).search(template(2))
    assert isinstance(outcome, Match)
    assert outcome.margin == 2.0


def test_a_stranger_does_not_match_and_the_best_score_is_told(collection: Collection) -> None:
    enrol(collection, "Ada", 1)
    outcome = Gallery(collection, thresholds=THRESHOLDS).search(template(99))
    assert isinstance(outcome, NonMatch)
    assert outcome.best_score == pytest.approx(float(template(1).vector @ template(99).vector), abs=1e-6)


def test_a_score_at_the_threshold_matches_and_one_below_does_not(collection: Collection) -> None:
    enrol(collection, "Ada", 1)
    gallery = Gallery(collection, thresholds=THRESHOLDS)
    threshold = gallery.refresh().score
    across = template(2).vector - (template(2).vector @ template(1).vector) * template(1).vector
    across /= np.linalg.norm(across)
    for wanted, kind in ((threshold + 1e-4, Match), (threshold - 1e-4, NonMatch)):
        vector = wanted * template(1).vector + np.sqrt(1 - wanted**2) * across
        assert isinstance(gallery.search(type(template(1))(vector.astype(np.float32), MODEL)), kind)


def test_a_score_that_equals_the_threshold_matches(collection: Collection) -> None:
    enrol(collection, "Ada", 1)
    probe = near(template(1), seed=50, noise=0.3)
    score = Gallery(collection, thresholds=THRESHOLDS).search(probe)
    assert isinstance(score, Match)
    exactly = ThresholdPolicy(MODEL, (OperatingPoint(1e-3, score.score),), target_fpir=0.003)
    assert isinstance(Gallery(collection, thresholds=exactly).search(probe), Match)


def test_a_probe_of_another_model_is_refused(collection: Collection) -> None:
    gallery = Gallery(collection, thresholds=THRESHOLDS)
    with pytest.raises(ModelMismatchError, match="model-b"):
        gallery.search(template(1, model_id=OTHER_MODEL))


def test_a_probe_of_another_length_is_refused(collection: Collection) -> None:
    enrol(collection, "Ada", 1)
    with pytest.raises(ModelMismatchError, match="128 dimensions"):
        Gallery(collection, thresholds=THRESHOLDS).search(template(1, dimensions=64))


def test_people_with_references_of_another_model_only_are_excluded_and_counted(collection: Collection) -> None:
    enrol(collection, "Ada", 1)
    grace = collection.add_person(make_newcomer("Grace", [reference(2, model_id=OTHER_MODEL)]), at=AT)
    both = [reference(3), reference(3, model_id=OTHER_MODEL)]
    collection.add_person(make_newcomer("Radia", both), at=AT)
    gallery = Gallery(collection, thresholds=THRESHOLDS)
    assert (gallery.people, gallery.references, gallery.excluded_people) == (2, 2, 1)
    assert isinstance(gallery.search(template(2)), NonMatch)
    collection.add_reference(grace, reference(2), at=AT)
    assert isinstance(gallery.search(template(2)), Match)
    assert gallery.excluded_people == 0


def test_another_connection_enrols_changes_and_erases_and_the_next_search_knows(file: Path) -> None:
    with open_collection(file) as ours, open_collection(file) as theirs:
        for seed in range(10, 30):
            enrol(theirs, f"person {seed}", seed)
        gallery = Gallery(ours, thresholds=THRESHOLDS)
        ada = theirs.add_person(make_newcomer("Ada", [reference(1)]), at=AT)
        found = gallery.search(template(1))
        assert isinstance(found, Match)
        assert found.person == ada
        theirs.set_facts(PersonFacts(ada, is_suspended=True))
        facts = gallery.facts(ada)
        assert facts is not None
        assert facts.is_suspended
        theirs.remove(ada)
        assert isinstance(gallery.search(template(1)), NonMatch)
        assert gallery.facts(ada) is None
        assert gallery.people == 20


ENROL_FROM_OUTSIDE = """
import sys
from pathlib import Path
from builders import make_newcomer
from people_builders import AT, reference
from device.collection.store import open_collection
with open_collection(Path(sys.argv[1])) as collection:
    collection.add_person(make_newcomer("Ada", [reference(1)]), at=AT)
"""


def test_a_person_enrolled_by_another_process_is_recognised_without_restart(file: Path) -> None:
    with open_collection(file) as collection:
        gallery = Gallery(collection, thresholds=THRESHOLDS)
        assert isinstance(gallery.search(template(1)), NonMatch)
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, (Path.cwd(), Path(__file__).parent, Path(__file__).parents[2]))),
        }
        subprocess.run([sys.executable, "-c", ENROL_FROM_OUTSIDE, str(file)], check=True, env=environment)
        assert isinstance(gallery.search(template(1)), Match)


def test_the_gallery_follows_changes_of_its_own_connection(collection: Collection) -> None:
    gallery = Gallery(collection, thresholds=THRESHOLDS)
    ada = enrol(collection, "Ada", 1)
    assert isinstance(gallery.search(template(1)), Match)
    collection.remove(ada)
    assert isinstance(gallery.search(template(1)), NonMatch)


def test_a_person_whose_enrolment_was_rolled_back_is_forgotten_again(collection: Collection) -> None:
    gallery = Gallery(collection, thresholds=THRESHOLDS)

    def enrol_and_fail() -> None:
        with collection.changing():
            enrol(collection, "Ada", 1)
            assert isinstance(gallery.search(template(1)), Match)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        enrol_and_fail()
    assert isinstance(gallery.search(template(1)), NonMatch)
    assert gallery.people == 0


def test_changes_behind_a_rolled_back_enrolment_are_not_overlooked(file: Path) -> None:
    with open_collection(file) as ours, open_collection(file) as theirs:
        for seed in range(10, 30):
            enrol(ours, f"person {seed}", seed)
        gallery = Gallery(ours, thresholds=THRESHOLDS)

        def enrol_and_fail() -> None:
            with ours.changing():
                enrol(ours, "Ada", 1, 2, 3, 4)
                assert isinstance(gallery.search(template(1)), Match)
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            enrol_and_fail()
        enrol(theirs, "Grace", 5)
        enrol(theirs, "Radia", 6, 7, 8, 9)
        assert isinstance(gallery.search(template(5)), Match)
        assert isinstance(gallery.search(template(1)), NonMatch)


def test_a_backup_that_is_restored_into_the_open_file_is_followed(file: Path) -> None:
    with open_collection(file) as collection:
        for seed in range(10, 30):
            enrol(collection, f"person {seed}", seed)
        backup = sqlite3.connect(":memory:")
        collection._database.conn.backup(backup)
        gallery = Gallery(collection, thresholds=THRESHOLDS)
        enrol(collection, "Ada", 1)
        assert isinstance(gallery.search(template(1)), Match)
        with open_collection(file) as restoring:
            backup.backup(restoring._database.conn)
        backup.close()
        assert isinstance(gallery.search(template(1)), NonMatch)
        assert gallery.people == 20


def test_the_threshold_is_chosen_again_as_the_gallery_grows_and_shrinks(collection: Collection) -> None:
    gallery = Gallery(collection, thresholds=THRESHOLDS)
    ids = [enrol(collection, f"person {seed}", seed) for seed in range(40)]
    assert gallery.search(template(1)).threshold == THRESHOLDS.choose(40)
    assert THRESHOLDS.choose(40).score > THRESHOLDS.choose(1).score
    for person in ids[1:]:
        collection.remove(person)
    assert gallery.search(template(1)).threshold == THRESHOLDS.choose(1)


def test_a_gallery_that_the_model_cannot_serve_matches_nobody_until_it_is_smaller(collection: Collection) -> None:
    thresholds = ThresholdPolicy(MODEL, POINTS[:1], target_fpir=0.002)  # FMR 1e-3 serves two references
    gallery = Gallery(collection, thresholds=thresholds)
    enrol(collection, "Ada", 1)
    enrol(collection, "Grace", 2)
    assert isinstance(gallery.search(template(1)), Match)
    radia = enrol(collection, "Radia", 3)
    for _ in range(2):
        with pytest.raises(TargetUnreachableError, match="serve 2 at most"):
            gallery.search(template(1))
    with pytest.raises(TargetUnreachableError):
        Gallery(collection, thresholds=thresholds)
    collection.remove(radia)
    assert isinstance(gallery.search(template(1)), Match)


def test_a_damaged_reference_stops_the_gallery_until_it_is_repaired(file: Path) -> None:
    with open_collection(file) as collection:
        for seed in range(20):
            enrol(collection, f"person {seed}", seed)
        gallery = Gallery(collection, thresholds=THRESHOLDS)
        raw = sqlite3.connect(file)
        raw.execute("UPDATE biometric_reference SET sealed_vector = zeroblob(541) WHERE rowid = 3")
        raw.commit()
        for _ in range(2):
            with pytest.raises(CollectionUnreadableError, match="damaged"):
                gallery.search(template(5))
        raw.execute("DELETE FROM biometric_reference WHERE rowid = 3")
        raw.commit()
        raw.close()
        assert isinstance(gallery.search(template(5)), Match)
        assert gallery.excluded_people == 1


STEPS = st.lists(
    st.tuples(st.sampled_from(["enrol", "more", "suspend", "erase", "search"]), st.integers(0, 9)), max_size=25
)


@given(STEPS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_gallery_that_followed_every_change_equals_one_opened_now(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    file = tmp_path_factory.mktemp("gallery") / "collection.db"
    with open_collection(file) as ours, open_collection(file) as theirs:
        for seed in range(100, 108):  # so that most changes are read one by one
            enrol(theirs, f"resident {seed}", seed)
        following = Gallery(ours, thresholds=THRESHOLDS)
        people: dict[int, str] = {}
        for step, number in steps:
            match step:
                case "enrol" if number not in people:
                    people[number] = enrol(theirs, f"person {number}", number)
                case "more" if number in people:
                    extra = Reference(near(template(number), seed=number + 20, noise=0.4))
                    theirs.add_reference(people[number], extra, at=AT)
                case "suspend" if number in people:
                    theirs.set_facts(PersonFacts(people[number], is_suspended=True))
                case "erase" if number in people:
                    theirs.remove(people.pop(number))
                case _:
                    following.search(template(number))
        fresh = Gallery(theirs, thresholds=THRESHOLDS)
        for seed in (*range(10), *range(100, 108)):
            assert _same(following.search(template(seed)), fresh.search(template(seed)))
        assert all(following.facts(person) == fresh.facts(person) for person in people.values())
        assert (following.people, following.references) == (fresh.people, fresh.references)


def _same(one: Match | NonMatch, other: Match | NonMatch) -> bool:
    if isinstance(one, Match) and isinstance(other, Match):
        return one.person == other.person and abs(one.score - other.score) < 1e-5 and one.threshold == other.threshold
    return isinstance(one, NonMatch) and isinstance(other, NonMatch) and one.threshold == other.threshold
