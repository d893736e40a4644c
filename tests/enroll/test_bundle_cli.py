"""`lintel bundle` and `lintel usb apply`: a site, an author and a stick, all by command."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib
import pytest
from builders import make_newcomer, make_template
from command_line import Lintel, Said

from device.audit.log import AuditLog
from device.clock import SystemClock
from device.collection.people import Reference
from device.collection.store import open_collection
from device.registry import Registry
from enroll.usb import BUNDLES_AT_MOST
from firmware_bridge.child import DoorChild, mock_door
from models.store import Installed

PORTRAIT = Path(matplotlib.__file__).parent / "mpl-data" / "sample_data" / "grace_hopper.jpg"
SUSPEND = {"action": "suspend", "person": "E1"}


class Author:
    """Somebody who makes bundles for the site of `lintel` with a key of their own."""

    def __init__(self, lintel: Lintel, folder: Path) -> None:
        self.lintel, self.folder, self.key = lintel, folder, folder / "reception.key"
        folder.mkdir()
        assert lintel("bundle", "key", self.key).exit_code == 0

    def card(self) -> Path:
        file = self.folder / "site.card"
        assert self.lintel("site", "card", "--out", file).exit_code == 0
        return file

    def trusted(self) -> Author:
        assert self.lintel("site", "trust", f"{self.key}.pub", "--label", "Reception").exit_code == 0
        return self

    def create(self, file: Path, *entries: dict[str, Any], more: tuple[str, ...] = ()) -> Said:
        roster = self.folder / "roster.jsonl"
        roster.write_text("\n".join(map(json.dumps, entries)))
        return self.lintel(
            "bundle", "create", file, "--card", self.card(), "--key", self.key, "--roster", roster, *more
        )  # fmt: skip

    def bundle(self, *entries: dict[str, Any], name: str = "monday", more: tuple[str, ...] = ()) -> Path:
        file = self.folder / f"{name}.lintel-bundle"
        said = self.create(file, *entries, more=more)
        assert said.exit_code == 0, said.err
        return file


@pytest.fixture
def author(lintel: Lintel, tmp_path: Path) -> Author:
    return Author(lintel, tmp_path / "author")


@pytest.fixture
def equipped(lintel: Lintel, networks: Installed) -> Lintel:
    """The command on a state folder that has networks; Ada, E1, is enrolled with a face of nobody's."""
    lintel.state.mkdir(exist_ok=True)
    (lintel.state / "models").symlink_to(networks.store.root)
    clock, state = SystemClock(), lintel.state
    with open_collection(state / "collection.db") as collection, AuditLog(state / "audit.db", clock=clock) as log:
        person = Registry(collection, log, clock).enrol(
            make_newcomer("Ada", [Reference(make_template(1))]), how="photos"
        )
        collection.set_external_id(person, "E1")
    return lintel


@pytest.fixture
def daemon() -> Iterator[DoorChild]:
    with mock_door() as child:
        yield child


def ada(lintel: Lintel) -> Any:
    (everyone,) = lintel("people", "list", "--json").json_lines()
    return next(person for person in everyone if person["name"] == "Ada")


def last_fact(lintel: Lintel) -> Any:
    return lintel("audit", "show", "--json").json_lines()[-1]


def refusal(lintel: Lintel, file: Path) -> tuple[int, str, int]:
    """Exit status of an application, its sentence, and the exit code that the audit holds."""
    said, fact = lintel("bundle", "apply", file), last_fact(lintel)
    assert fact["kind"] == "bundle.refused"
    return said.exit_code, said.sentence(), fact["facts"]["exit_code"]


def test_a_key_is_made_once_for_its_owner_alone(author: Author) -> None:
    before = author.key.read_text()
    said = author.lintel("bundle", "key", author.key)
    assert (said.exit_code, author.key.read_text()) == (100, before)
    assert author.key.stat().st_mode & 0o777 == 0o600


def test_a_bundle_is_inspected_without_any_key(author: Author, tmp_path: Path) -> None:
    file = author.bundle(SUSPEND, more=("--valid-days", "3"))
    author.lintel.state = tmp_path / "elsewhere"
    (found,) = author.lintel("bundle", "inspect", file, "--json").json_lines()
    assert (found["author"][:2], found["bytes"]) == ("a-", file.stat().st_size)
    said = author.lintel("bundle", "inspect", file)
    assert found["bundle"] in said.out
    assert not (tmp_path / "elsewhere").exists()


def test_what_was_changed_is_not_shown(author: Author) -> None:
    file = author.bundle(SUSPEND)
    file.write_bytes(file.read_bytes()[:-1])
    assert author.lintel("bundle", "inspect", file).exit_code == 101


@pytest.mark.parametrize("entry", [{"action": "erase"}, {"name": "Ada"}, {"action": "paint"}])
def test_a_roster_that_cannot_be_taken_leaves_no_bundle(author: Author, entry: dict[str, Any]) -> None:
    file = author.folder / "b.lintel-bundle"
    said = author.create(file, SUSPEND, entry)
    assert said.exit_code == 100
    assert "line 2" in said.sentence()
    assert [path.name for path in author.folder.iterdir() if "bundle" in path.name] == []


def test_a_bundle_is_tried_applied_and_not_applied_again(equipped: Lintel, author: Author) -> None:
    file = author.trusted().bundle(SUSPEND)
    before = equipped("audit", "show", "--json").out
    said = equipped("bundle", "apply", file, "--dry-run")
    assert (said.exit_code, "would be applied; nothing was changed" in said.out) == (0, True)
    assert (ada(equipped)["suspended"], equipped("audit", "show", "--json").out) == (False, before)
    (done,) = equipped("bundle", "apply", file, "--json").json_lines()
    assert (done["done"], done["problems"], ada(equipped)["suspended"]) == (1, [], True)
    code, sentence, on_record = refusal(equipped, file)
    assert (code, on_record) == (104, 104)
    assert "applied already" in sentence


def test_people_travel_as_templates_and_as_photos(equipped: Lintel, author: Author) -> None:
    entry = {"name": "Grace Hopper", "photos": [str(PORTRAIT)], "consent": "form"}
    file = author.trusted().bundle(entry)
    assert b"Grace" not in file.read_bytes()
    assert equipped("bundle", "apply", file).exit_code == 0
    assert equipped("people", "erase", "--yes", "Grace Hopper").exit_code == 0
    assert equipped("bundle", "apply", author.bundle(entry, more=("--photos",))).exit_code == 0
    (everyone,) = equipped("people", "list", "--json").json_lines()
    assert [person["name"] for person in everyone] == ["Ada", "Grace Hopper"]


def test_an_entry_that_cannot_be_applied_is_exit_code_105_unless_it_is_skipped(
    equipped: Lintel, author: Author
) -> None:
    file = author.trusted().bundle(SUSPEND, {"action": "erase", "person": "nobody"})
    code, sentence, on_record = refusal(equipped, file)
    assert (code, on_record, ada(equipped)["suspended"]) == (105, 105, False)
    assert "entry 2" in sentence
    said = equipped("bundle", "apply", file, "--skip-rejected")
    assert (said.exit_code, ada(equipped)["suspended"]) == (0, True)
    assert "entry 2" in said.out


def test_a_file_that_is_not_there_is_exit_code_100(author: Author) -> None:
    author.trusted()
    assert refusal(author.lintel, author.folder / "none")[::2] == (100, 100)


def test_a_truncated_bundle_is_exit_code_101(author: Author) -> None:
    file = author.trusted().bundle(SUSPEND)
    file.write_bytes(file.read_bytes()[:-1])
    assert refusal(author.lintel, file)[::2] == (101, 101)


def test_an_author_unknown_or_distrusted_is_exit_code_102(author: Author) -> None:
    file = author.bundle(SUSPEND)
    assert refusal(author.lintel, file)[::2] == (102, 102)
    author.trusted()
    (known,) = author.lintel("site", "authors", "--json").json_lines()[0]
    assert author.lintel("site", "distrust", known["id"]).exit_code == 0
    assert refusal(author.lintel, file)[::2] == (102, 102)


def test_a_bundle_for_a_key_that_was_rotated_away_is_exit_code_103(author: Author) -> None:
    file = author.trusted().bundle(SUSPEND)
    assert author.lintel("site", "rotate-key").exit_code == 0
    assert refusal(author.lintel, file)[::2] == (103, 103)


def plug_in(lintel: Lintel, daemon: DoorChild, stick: Path) -> tuple[int, str]:
    """Exit status, and what the lamp shows then."""
    config = stick.with_name("door-of-this-site.toml")
    config.write_text(f'[door]\nsocket = "{daemon.socket_path}"\n')
    said = lintel("--config", config, "usb", "apply", stick)
    return said.exit_code, daemon.client.status().indication


def test_the_bundles_of_a_stick_are_applied_in_order_and_the_lamp_says_so(
    equipped: Lintel, author: Author, daemon: DoorChild
) -> None:
    author.trusted().bundle({"action": "suspend", "person": "E1"}, name="1")
    author.bundle({"action": "change", "person": "E1", "groups": ["lab"]}, name="2")
    assert plug_in(equipped, daemon, author.folder) == (0, "granted")
    assert (ada(equipped)["suspended"], ada(equipped)["groups"]) == (True, ["lab"])


def test_one_refused_bundle_of_a_stick_gives_lamp_and_status_and_the_others_are_applied(
    equipped: Lintel, author: Author, daemon: DoorChild
) -> None:
    (author.folder / "0.lintel-bundle").write_bytes(b"noise")
    author.trusted().bundle(SUSPEND)
    assert plug_in(equipped, daemon, author.folder) == (101, "denied")
    assert ada(equipped)["suspended"]


def test_a_stick_without_bundles_does_nothing(lintel: Lintel, daemon: DoorChild, tmp_path: Path) -> None:
    (tmp_path / "stick").mkdir()
    status, lamp = plug_in(lintel, daemon, tmp_path / "stick")
    assert (status, lamp not in {"granted", "denied"}) == (0, True)
    assert not (lintel.state / "audit.db").exists()


@pytest.mark.parametrize("fault", ["too many bundles", "cannot be read"])
def test_a_stick_that_cannot_be_used_is_refused_by_lamp_and_on_record(
    lintel: Lintel, daemon: DoorChild, tmp_path: Path, fault: str
) -> None:
    stick = tmp_path / "stick"
    if fault == "too many bundles":
        stick.mkdir()
        for number in range(BUNDLES_AT_MOST + 1):
            (stick / f"{number}.lintel-bundle").touch()
    assert plug_in(lintel, daemon, stick) == (100, "denied")
    fact = last_fact(lintel)
    assert (fact["kind"], fact["facts"]) == (
        "bundle.refused",
        {"why": "BundleError", "exit_code": 100, "at": "stick"},
    )
