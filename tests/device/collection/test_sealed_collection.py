from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from builders import make_newcomer
from people_builders import AT, MODEL, THRESHOLDS, reference, template

from device.collection.gallery import Gallery
from device.collection.keys import KEY_FILE, NEXT_KEY_FILE, KeyFolder, read_key, write_key
from device.collection.people import Consent, vector_bytes
from device.collection.schema import COLLECTION
from device.collection.seal import random_site_key
from device.collection.storage import open_database
from device.collection.store import Collection, open_collection
from device.errors import (
    CollectionError,
    CollectionUnreadableError,
    SiteKeyError,
    SiteKeyMissingError,
    UnknownPersonError,
)
from device.types import Match, NonMatch, PersonFacts, PersonId


def raw(file: Path, *statements: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(file)
    rows: list[tuple[object, ...]] = []
    for statement in statements:
        rows = connection.execute(statement).fetchall()
    connection.commit()
    connection.close()
    return rows


def content(folder: Path) -> bytes:
    return b"".join(part.read_bytes() for part in folder.iterdir() if part.name.startswith("collection"))


def test_the_database_reveals_no_name_template_or_photo(collection: Collection, file: Path) -> None:
    photo = os.urandom(3000)
    person = collection.add_person(make_newcomer("Augusta Ada King", [reference(1)]), at=AT)
    collection.add_photo(person, photo, at=AT)
    stored = collection.references_of(person, model_id=MODEL).vectors[0]
    seen = content(file.parent)
    for secret in (
        b"Augusta",
        b"augusta",
        b"Ada King",
        *(vector_bytes(template(1))[at : at + 8] for at in range(0, 512, 8)),
        *(stored.astype("<f4").tobytes()[at : at + 8] for at in range(0, 512, 8)),
        *(photo[at : at + 16] for at in range(0, 3000, 100)),
        read_key(file.with_name(KEY_FILE)).secret,
    ):
        assert secret not in seen
    collection.overwrite_traces()
    assert b"Ada" not in content(file.parent)
    assert person.encode() in content(file.parent), "the opaque id is there, so the search looked at the right bytes"


def test_photos_come_back_as_they_were(collection: Collection) -> None:
    person = collection.add_person(make_newcomer("Ada", [reference(1)]), at=AT)
    collection.add_photo(person, b"first", at=AT)
    collection.add_photo(person, b"second", at=AT)
    assert collection.photos_of(person) == [b"first", b"second"]
    collection.remove(person)
    with pytest.raises(UnknownPersonError):
        collection.photos_of(person)


SWAPS = {
    "names": "UPDATE person SET sealed_name = (SELECT sealed_name FROM person p WHERE p.id != person.id)",
    "keys": "UPDATE person SET sealed_key = (SELECT sealed_key FROM person p WHERE p.id != person.id)",
    "templates of two people": "UPDATE biometric_reference SET sealed_vector = "
    "(SELECT sealed_vector FROM biometric_reference r WHERE r.person != biometric_reference.person LIMIT 1)",
    "templates of one person": "UPDATE biometric_reference SET sealed_vector = (SELECT sealed_vector FROM "
    "biometric_reference r WHERE r.person = biometric_reference.person AND r.id != biometric_reference.id)",
    "the person of a template": "UPDATE biometric_reference SET person = "
    "(SELECT id FROM person p WHERE p.id != biometric_reference.person)",
    "the row": "UPDATE biometric_reference SET id = 'r-' || rowid",
    "generation": "UPDATE seal SET generation = 2",
}


@pytest.mark.parametrize("statement", SWAPS.values(), ids=SWAPS.keys())
def test_rows_cannot_be_exchanged(collection: Collection, file: Path, statement: str) -> None:
    for name, seed in (("Ada", 1), ("Grace", 3)):
        collection.add_person(make_newcomer(name, [reference(seed), reference(seed + 1)]), at=AT)
    raw(file, statement)

    def read_all() -> None:
        collection.people()
        collection.references(MODEL)

    with pytest.raises(CollectionUnreadableError, match="damaged"):
        read_all()


def test_a_template_of_one_model_does_not_pass_for_anothers(collection: Collection, file: Path) -> None:
    collection.add_person(make_newcomer("Ada", [reference(1)]), at=AT)
    raw(file, "UPDATE biometric_reference SET model_id = 'model-b'")
    with pytest.raises(CollectionUnreadableError, match="damaged"):
        collection.references("model-b")


def test_the_key_is_made_with_the_first_collection_for_its_owner_only(collection: Collection, file: Path) -> None:
    key = file.with_name(KEY_FILE)
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert collection.seal_in_use().key_id == read_key(key).id


def test_a_sealed_collection_without_its_key_is_refused_untouched_and_no_new_key_is_made(file: Path) -> None:
    with open_collection(file) as collection:
        collection.add_person(make_newcomer("Ada", [reference(1)]), at=AT)
    key, before = file.with_name(KEY_FILE), file.read_bytes()
    kept = key.rename(file.with_name("kept"))
    with pytest.raises(SiteKeyMissingError, match=read_key(kept).id):
        open_collection(file)
    assert not key.exists()
    assert file.read_bytes() == before
    write_key(random_site_key(), key)
    with pytest.raises(SiteKeyMissingError):
        open_collection(file)
    kept.replace(key)
    with open_collection(file) as collection:
        assert len(collection.people()) == 1


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_that_others_may_read_is_refused(file: Path, mode: int) -> None:
    open_collection(file).close()
    file.with_name(KEY_FILE).chmod(mode)
    with pytest.raises(SiteKeyError, match="others may read"):
        open_collection(file)


@pytest.mark.parametrize("text", [b"", b"\xff" * 40, b"lintel-site-key-1:", b"lintel-site-key-1:AAAA", b"x" * 9000])
def test_a_file_that_is_no_key_is_refused(file: Path, text: bytes) -> None:
    open_collection(file).close()
    file.with_name(KEY_FILE).write_bytes(text)
    with pytest.raises(SiteKeyError, match="not a site key"):
        open_collection(file)


def test_a_key_from_a_systemd_credential_is_used(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    credentials = tmp_path / "credentials"
    key = random_site_key()
    write_key(key, credentials / "lintel.site-key")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    with open_collection(file) as collection:
        assert collection.seal_in_use().key_id == key.id
    assert not file.with_name(KEY_FILE).exists()


def plain_collection(file: Path) -> PersonId:
    """A collection as the version before wrote it, in the clear."""
    database = open_database(file, COLLECTION)
    ada = PersonId("p-00000000000000ad")
    database.execute(
        "INSERT INTO person VALUES (?, 'Ada Lovelace', 'ada lovelace', 1, NULL, NULL, '[\"staff\"]', ?)",
        (ada, AT.isoformat()),
    )
    for seed in (1, 2):
        database.execute(
            "INSERT INTO biometric_reference VALUES (NULL, ?, ?, ?, '{}', ?)",
            (ada, MODEL, vector_bytes(template(seed)), AT.isoformat()),
        )
    database.execute("INSERT INTO consent VALUES (?, 'v1', 'en', 'signed form', ?)", (ada, AT.isoformat()))
    database.conn.commit()
    database.close()
    return ada


def test_a_collection_of_the_version_before_is_sealed_and_keeps_everybody(file: Path) -> None:
    ada = plain_collection(file)
    assert b"Lovelace" in content(file.parent)
    with open_collection(file) as collection:
        (person,) = collection.people()
        assert (person.id, person.name, person.references) == (ada, "Ada Lovelace", {MODEL: 2})
        assert person.facts == PersonFacts(ada, is_suspended=True, groups=("staff",))
        assert collection.find("ada lovelace").id == ada
        assert isinstance(Gallery(collection, thresholds=THRESHOLDS).search(template(2)), Match)
        seen = content(file.parent)
    for trace in (b"Lovelace", b"lovelace", vector_bytes(template(1))[:16], vector_bytes(template(2))[:16]):
        assert trace not in seen
        assert trace not in content(file.parent)
    assert raw(file, "SELECT how FROM consent") == [("signed form",)]


def test_a_plain_collection_that_cannot_get_a_key_stays_as_it_was(file: Path) -> None:
    plain_collection(file)
    file.with_name(KEY_FILE).write_text("no key")
    file.with_name(KEY_FILE).chmod(0o600)
    with pytest.raises(SiteKeyError):
        open_collection(file)
    assert raw(file, "SELECT name FROM person") == [("Ada Lovelace",)]


def enrol(collection: Collection, people: int) -> None:
    for number in range(people):
        consent = Consent("v1", "en", "form", AT)
        references = [reference(number), reference(1000 + number)]
        collection.add_person(make_newcomer(f"person {number}", references, consent=consent), at=AT)


def same_people(collection: Collection, people: int) -> None:
    assert [person.name for person in collection.people()] == sorted(f"person {number}" for number in range(people))
    gallery = Gallery(collection, thresholds=THRESHOLDS)
    for number in range(people):
        found = gallery.search(template(number))
        assert isinstance(found, Match)
        assert found.score == pytest.approx(1.0, abs=1e-5)
        assert collection.find(f"PERSON {number}").id == found.person


def test_rotating_the_key_keeps_everybody_and_makes_the_old_key_worthless(collection: Collection, file: Path) -> None:
    enrol(collection, 5)
    collection.add_photo(collection.find("person 1").id, b"photo", at=AT)
    old, before = read_key(file.with_name(KEY_FILE)), collection.references(MODEL).vectors.copy()
    assert collection.rotate_key() == 5
    new = read_key(file.with_name(KEY_FILE))
    assert new.id != old.id == old.id
    assert not file.with_name(NEXT_KEY_FILE).exists()
    assert abs(float(np.mean(np.sum(before * collection.references(MODEL).vectors, axis=1)))) < 0.3
    same_people(collection, 5)
    assert collection.photos_of(collection.find("person 1").id) == [b"photo"]
    with open_collection(file) as again:
        same_people(again, 5)
    file.with_name(KEY_FILE).unlink()
    write_key(old, file.with_name(KEY_FILE))
    with pytest.raises(SiteKeyMissingError):
        open_collection(file)


def test_a_running_gallery_follows_a_rotation_and_a_revocation(file: Path) -> None:
    with open_collection(file) as ours, open_collection(file) as theirs:
        enrol(theirs, 3)
        gallery = Gallery(ours, thresholds=THRESHOLDS)
        for change in (theirs.rotate_key, theirs.revoke_templates, theirs.rotate_key):
            change()
            found = gallery.search(template(1))
            assert isinstance(found, Match)
            assert found.score == pytest.approx(1.0, abs=1e-5)
            assert isinstance(gallery.search(template(99)), NonMatch)


def test_revoked_templates_do_not_match_their_successors(collection: Collection, file: Path) -> None:
    enrol(collection, 30)
    key, stolen = file.with_name(KEY_FILE).read_bytes(), collection.references(MODEL)
    assert collection.revoke_templates() == 30
    assert file.with_name(KEY_FILE).read_bytes() == key
    fresh = collection.references(MODEL)
    assert fresh.owners == stolen.owners
    assert float(np.max(np.sum(stolen.vectors * fresh.vectors, axis=1))) < THRESHOLDS.choose(1).score
    same_people(collection, 30)


def test_many_rotations_wear_no_template_out(collection: Collection) -> None:
    enrol(collection, 1)
    for _ in range(50):
        collection.revoke_templates()
    found = Gallery(collection, thresholds=THRESHOLDS).search(template(0))
    assert isinstance(found, Match)
    assert found.score == pytest.approx(1.0, abs=1e-5)


def test_a_rotation_that_fails_leaves_the_old_key_in_use(collection: Collection, file: Path) -> None:
    enrol(collection, 2)
    key = file.with_name(KEY_FILE).read_bytes()
    raw(file, "UPDATE person SET sealed_name = zeroblob(60) WHERE rowid = 2")
    with pytest.raises(CollectionUnreadableError):
        collection.rotate_key()
    assert file.with_name(KEY_FILE).read_bytes() == key
    assert len(collection.references(MODEL).owners) == 4


def test_a_rotation_that_was_killed_after_its_commit_is_finished_by_whoever_comes_next(file: Path) -> None:
    with open_collection(file) as collection:
        enrol(collection, 2)
        old = file.with_name(KEY_FILE).read_bytes()
        collection.rotate_key()
    file.with_name(KEY_FILE).rename(file.with_name(NEXT_KEY_FILE))  # as if promoting had not come about
    file.with_name(KEY_FILE).write_bytes(old)
    file.with_name(KEY_FILE).chmod(0o600)
    with open_collection(file) as collection:
        same_people(collection, 2)
    assert not file.with_name(NEXT_KEY_FILE).exists()


def test_a_rotation_that_was_killed_before_its_commit_never_happened(file: Path) -> None:
    with open_collection(file) as collection:
        enrol(collection, 2)
        KeyFolder(file.parent).stage(random_site_key())
    with open_collection(file) as collection:
        same_people(collection, 2)
        collection.rotate_key()
        same_people(collection, 2)


def test_of_two_that_make_a_key_at_once_one_wins(tmp_path: Path) -> None:
    first, second = random_site_key(), random_site_key()
    assert write_key(first, tmp_path / KEY_FILE)
    assert not write_key(second, tmp_path / KEY_FILE)
    assert read_key(tmp_path / KEY_FILE).id == first.id
    assert [part.name for part in tmp_path.iterdir()] == [KEY_FILE]


ROTATE_UNTIL_KILLED = """
import sys
from pathlib import Path
from device.collection.store import open_collection
with open_collection(Path(sys.argv[1])) as collection:
    print("ready", flush=True)
    while True:
        collection.rotate_key()
        print("rotated", flush=True)
"""


@pytest.mark.parametrize("rounds", [6])
def test_killing_rotations_at_random_points_loses_nobody(file: Path, rounds: int) -> None:
    with open_collection(file) as collection:
        enrol(collection, 8)
    generator = np.random.default_rng(5)
    for _ in range(rounds):
        command = [sys.executable, "-c", ROTATE_UNTIL_KILLED, str(file)]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(Path.cwd())}
        ) as one:
            assert one.stdout is not None
            one.stdout.readline()
            for _ in range(int(generator.integers(0, 3))):
                one.stdout.readline()
            for _ in range(int(generator.integers(0, 20_000))):
                pass  # a moment of random length, without a clock
            one.kill()
        with open_collection(file) as collection:
            same_people(collection, 8)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file away")
def test_a_key_made_by_root_belongs_to_the_owner_of_the_folder(file: Path) -> None:
    file.parent.mkdir()
    os.chown(file.parent, 12345, 54321)
    open_collection(file).close()
    status = file.with_name(KEY_FILE).stat()
    assert (status.st_uid, status.st_gid) == (12345, 54321)
    shutil.rmtree(file.parent)


def test_an_error_about_a_seal_shows_no_secret(collection: Collection, file: Path) -> None:
    collection.add_person(make_newcomer("Ada Lovelace", [reference(1)]), at=AT)
    raw(file, "UPDATE person SET sealed_name = zeroblob(60)")
    with pytest.raises(CollectionError) as caught:
        collection.people()
    text = f"{caught.value!r} {caught.value.__cause__!r} {collection!r} {collection.seal_in_use()!r}"
    assert "Lovelace" not in text
    assert read_key(file.with_name(KEY_FILE)).secret.hex() not in text
