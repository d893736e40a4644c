"""Moving people from dlib's network to MobileFaceNet, with portraits that lie beside the repository."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders import CONSENT, make_image, make_mesh, make_newcomer, make_quality, make_template
from command_line import Lintel

from device.app import build_photo_extractor, build_thresholds
from device.audit.chain import Event
from device.audit.log import AuditLog, reading_audit
from device.clock import FakeClock
from device.collection.gallery import Gallery
from device.collection.people import Newcomer, Reference
from device.collection.store import Collection, open_collection
from device.config import Settings, decode_settings
from device.errors import CollectionError, MigrationUnfinishedError, NoFaceError, PhotoError, TargetUnreachableError
from device.policy.threshold import OperatingPoint, ThresholdPolicy
from device.types import Image, Match, ModelId, Quality, Template
from device.vision.keepsake import make_keepsake
from device.vision.photo import read_photo
from enroll.migration import AlreadyMoved, LeftBehind, Migration, Moved, finish, refuse_unfinished
from enroll.registry import Registry
from models.store import Installed

OLD, NEW = ModelId("model-old"), ModelId("model-new")
POINTS = (OperatingPoint(1e-3, 0.4), OperatingPoint(1e-6, 0.6))
THRESHOLDS = ThresholdPolicy(NEW, POINTS, 0.003)
PHOTO = make_keepsake(make_image(), make_mesh())
DLIB, MOBILE = "dlib-resnet-cosine-55533b28", "mobilefacenet-a6cc9032"


class Seeds:
    """Sees another face in every photo; no face where it is told so."""

    def __init__(self, *, blind: bool = False) -> None:
        self.blind = blind
        self._seeds = itertools.count(100)

    def extract(self, image: Image) -> tuple[Template, Quality]:  # noqa: ARG002 (the port's signature)
        if self.blind:
            raise NoFaceError("no face was found")
        return make_template(next(self._seeds), model_id=NEW), make_quality()


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    clock = FakeClock()
    with (
        open_collection(tmp_path / "collection.db") as collection,
        AuditLog(tmp_path / "audit.db", clock=clock) as audit,
    ):
        yield Registry(collection, audit, clock)


def enrol(collection: Collection, name: str, *, seed: int, photos: int = 0) -> None:
    reference = Reference(make_template(seed, model_id=OLD))
    collection.add_person(make_newcomer(name, [reference], photos=[PHOTO] * photos), at=FakeClock().now())


def recorded(registry: Registry) -> list[Event]:
    with reading_audit(registry.collection.path.with_name("audit.db")) as reader:
        return list(reader.events())


def counts(registry: Registry) -> dict[str, dict[ModelId, int]]:
    return {person.name: dict(person.references) for person in registry.collection.people()}


def test_those_with_photos_are_moved_and_the_others_listed(registry: Registry) -> None:
    enrol(registry.collection, "Ada", seed=1, photos=2)
    enrol(registry.collection, "Grace", seed=2)
    steps = list(Migration(registry, Seeds(), THRESHOLDS).move(registry.collection.people()))
    assert [type(step) for step in steps] == [Moved, LeftBehind]
    assert counts(registry) == {"Ada": {OLD: 1, NEW: 2}, "Grace": {OLD: 1}}
    (event,) = recorded(registry)
    ada = registry.collection.find("Ada").id
    assert (event.kind, json.loads(event.facts)) == (
        "person.changed",
        {"person": ada, "references_of": NEW, "references": 2, "how": "kept photos"},
    )


def test_a_second_run_changes_nothing(registry: Registry) -> None:
    enrol(registry.collection, "Ada", seed=1, photos=1)
    list(Migration(registry, Seeds(), THRESHOLDS).move(registry.collection.people()))
    before = registry.collection.revision()
    (step,) = Migration(registry, Seeds(), THRESHOLDS).move(registry.collection.people())
    assert isinstance(step, AlreadyMoved)
    assert registry.collection.revision() == before


def test_a_list_of_people_that_has_grown_old_moves_nobody_twice(registry: Registry) -> None:
    enrol(registry.collection, "Ada", seed=1, photos=1)
    old_list = registry.collection.people()
    list(Migration(registry, Seeds(), THRESHOLDS).move(old_list))
    (step,) = Migration(registry, Seeds(), THRESHOLDS).move(old_list)
    assert isinstance(step, AlreadyMoved)
    assert counts(registry) == {"Ada": {OLD: 1, NEW: 1}}


def test_a_preview_writes_nothing(registry: Registry) -> None:
    enrol(registry.collection, "Ada", seed=1, photos=1)
    before = registry.collection.revision()
    (step,) = Migration(registry, Seeds(), THRESHOLDS).preview(registry.collection.people())
    assert isinstance(step, Moved)
    assert registry.collection.revision() == before
    assert recorded(registry) == []


def test_a_photo_that_no_longer_passes_the_gates_moves_nobody(registry: Registry) -> None:
    enrol(registry.collection, "Ada", seed=1, photos=1)
    (step,) = Migration(registry, Seeds(blind=True), THRESHOLDS).move(registry.collection.people())
    assert isinstance(step, LeftBehind)
    assert step.unusable == ("photo 1: no face was found",)
    assert counts(registry) == {"Ada": {OLD: 1}}


def test_a_door_that_could_not_serve_them_all_is_not_overfilled(registry: Registry) -> None:
    enrol(registry.collection, "Ada", seed=1, photos=2)
    strict = ThresholdPolicy(NEW, POINTS, 1.5e-6)  # one reference at most
    with pytest.raises(TargetUnreachableError):
        list(Migration(registry, Seeds(), strict).move(registry.collection.people()))
    assert counts(registry) == {"Ada": {OLD: 1}}
    assert recorded(registry) == []


def test_earlier_references_stay_until_everyone_has_others_or_is_named(registry: Registry) -> None:
    enrol(registry.collection, "Ada", seed=1, photos=1)
    enrol(registry.collection, "Grace", seed=2)
    list(Migration(registry, Seeds(), THRESHOLDS).move(registry.collection.people()))
    people = registry.collection.people()
    with pytest.raises(MigrationUnfinishedError, match="Grace") as refusal:
        refuse_unfinished(people, model=NEW, leaving=frozenset())
    assert "Ada" not in str(refusal.value)
    assert isinstance(refusal.value, CollectionError)
    refuse_unfinished(people, model=NEW, leaving=frozenset({registry.collection.find("Grace").id}))
    removed = list(finish(registry, people, model=NEW))
    assert [(person.name, count) for person, count in removed] == [("Ada", 1), ("Grace", 1)]
    assert counts(registry) == {"Ada": {NEW: 1}, "Grace": {}}
    assert list(finish(registry, registry.collection.people(), model=NEW)) == []


KILLED = """
import os, signal, sys
sys.path[:0] = sys.argv[2:]
from pathlib import Path
import test_people_migrate as t
from device.collection.store import open_collection
from device.audit.chain import Event
from device.audit.log import AuditLog, reading_audit
from device.clock import FakeClock
from enroll.registry import Registry
folder = Path(sys.argv[1])
collection = open_collection(folder / "collection.db")
registry = Registry(collection, AuditLog(folder / "audit.db", clock=FakeClock()), FakeClock())
for step in t.Migration(registry, t.Seeds(), t.THRESHOLDS).move(collection.people()):
    print("moved", flush=True)
"""


@pytest.mark.parametrize("after", [0, 1, 3])
def test_whoever_kills_a_migration_leaves_everyone_before_or_after(
    tmp_path: Path, registry: Registry, after: int
) -> None:
    for number in range(8):
        enrol(registry.collection, f"Person {number}", seed=number, photos=2)
    paths = [str(Path(__file__).parent), str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]
    child = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path), *paths], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    with child:
        for _ in range(after):
            child.stdout.readline()
        os.kill(child.pid, signal.SIGKILL)
    assert all(each in ({OLD: 1}, {OLD: 1, NEW: 2}) for each in counts(registry).values())
    assert sum(NEW in each for each in counts(registry).values()) >= after
    list(Migration(registry, Seeds(), THRESHOLDS).move(registry.collection.people()))
    assert all(each == {OLD: 1, NEW: 2} for each in counts(registry).values())


def settings_of(networks: Installed, state: Path) -> Settings:
    text = (
        f"[site]\nstate_folder = '{state}'\nmodels_folder = '{networks.store.root}'\n[enrolment]\nkeep_photos = true\n"
    )
    return decode_settings(text.encode())


def config(networks: Installed, folder: Path) -> Path:
    file = folder / f"{networks.profile}.toml"
    file.write_text(f"[site]\nmodels_folder = '{networks.store.root}'\n[enrolment]\nkeep_photos = true\n")
    return file


def test_the_command_moves_who_was_enrolled_with_photos_kept(
    lintel: Lintel, tmp_path: Path, shared_data: Path, standard_networks: Installed, pip_only_networks: Installed
) -> None:
    old, new = config(pip_only_networks, tmp_path), config(standard_networks, tmp_path)
    photo = shared_data / "portraits-dev" / "A000148_badge.jpg"
    said = lintel("--config", old, "people", "add", "Ada", "--consent", "form", "--photo", photo)
    assert said.exit_code == 0, said.err
    dry = lintel("--config", new, "people", "migrate", "--dry-run")
    assert "Nothing was written." in dry.out
    refused = lintel("--config", new, "people", "migrate", "--finish")
    assert refused.exit_code == 98
    assert "Ada" in refused.sentence()
    (moved,) = lintel("--config", new, "people", "migrate", "--json").json_lines()
    assert [(who["name"], who["state"], who["references"]) for who in moved["people"]] == [("Ada", "moved", 1)]
    (finished,) = lintel("--config", new, "people", "migrate", "--finish", "--json").json_lines()
    assert (finished["people"], finished["references_removed"]) == (1, 1)
    (listed,) = lintel("people", "list", "--json").json_lines()
    assert listed[0]["models"] == [MOBILE]


@pytest.mark.parametrize(
    "options", [["--yes"], ["--leaving", "Ada"], ["--dry-run", "--finish"]], ids=lambda options: options[0]
)
def test_options_that_contradict_are_a_usage_error(lintel: Lintel, options: list[str]) -> None:
    assert lintel("people", "migrate", *options).exit_code == 2


@pytest.mark.slow
def test_later_portraits_are_recognised_after_a_migration(
    tmp_path: Path,
    shared_data: Path,
    standard_networks: Installed,
    pip_only_networks: Installed,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Prints the figures of docs/migration.md: pytest -m slow -k after_a_migration."""
    badges = sorted((shared_data / "portraits-dev").glob("*_badge.jpg"))
    old, new = settings_of(pip_only_networks, tmp_path), settings_of(standard_networks, tmp_path)
    with (
        open_collection(old.collection_file) as collection,
        AuditLog(old.audit_file, clock=FakeClock()) as audit,
    ):
        registry, extractor = Registry(collection, audit, FakeClock()), build_photo_extractor(old)
        for badge in badges:
            image = read_photo(badge)
            try:
                reference = Reference(*extractor.extract(image))
            except PhotoError:
                continue
            kept = make_keepsake(image, extractor.locate(image))
            name = badge.stem.removesuffix("_badge")
            registry.enrol(Newcomer(name=name, references=[reference], consent=CONSENT, photos=[kept]), how="photos")
        before = rank_one(collection, old, pip_only_networks, badges)
        thresholds = build_thresholds(new, standard_networks)
        steps = list(Migration(registry, build_photo_extractor(new), thresholds).move(collection.people()))
        list(finish(registry, collection.people(), model=thresholds.model_id))
        after = rank_one(collection, new, standard_networks, badges)
    moved = sum(isinstance(step, Moved) for step in steps)
    with capsys.disabled():
        sys.stdout.write(
            f"\nenrolled {len(steps)}, moved {moved}; (right, wrong, searched) before {before}, after {after}\n"
        )
    assert moved >= 0.99 * len(steps)
    assert after[1] <= before[1] + 1
    assert after[0] >= before[0]


def rank_one(
    collection: Collection, settings: Settings, networks: Installed, badges: list[Path]
) -> tuple[int, int, int]:
    """Of the later portraits: how many match the right person, match somebody else, and were searched."""
    extractor = build_photo_extractor(settings)
    gallery = Gallery(collection, thresholds=build_thresholds(settings, networks))
    names = {person.id: person.name for person in collection.people()}
    right = wrong = searched = 0
    for badge in badges:
        name = badge.stem.removesuffix("_badge")
        later = badge.with_name(f"{name}_later.jpg")
        if not later.exists() or name not in names.values():
            continue
        try:
            template, _ = extractor.extract(read_photo(later))
        except PhotoError:
            continue
        outcome, searched = gallery.search(template), searched + 1
        if isinstance(outcome, Match):
            right, wrong = right + (names[outcome.person] == name), wrong + (names[outcome.person] != name)
    return right, wrong, searched
