from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from bundle_rig import AT, AUTHOR, bundle, enrol, enrolled_as_recorded, gates, site
from hypothesis import given
from hypothesis import strategies as st

from device.audit.log import reading_audit
from device.collection.authority import SigningKey
from device.errors import (
    AuthorRefusedError,
    BundleDamagedError,
    BundleError,
    BundleOldError,
    BundleRejectedError,
    OtherSiteError,
)
from device.registry import Registry
from enroll.bundle_apply import apply_bundle, try_bundle
from enroll.bundle_format import Change, Enrol, Erase, Photo, decode_header, decode_records, encode_records
from enroll.bundle_record import take_back_uncommitted
from enroll.bundle_seal import CHUNK_BYTES, verified_copy
from enroll.usb import find_bundles


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Registry]:
    with site(tmp_path / "state") as registry:
        yield registry


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "monday.lintel-bundle"


def names(registry: Registry) -> list[str]:
    return [person.name for person in registry.collection.people()]


def kinds(registry: Registry) -> list[str]:
    with reading_audit(registry.audit.path) as reader:
        return [event.kind for event in reader.events()]


def test_a_bundle_enrols_changes_and_erases_in_one_go(here: Registry, file: Path) -> None:
    card = here.collection.authority().card
    file.write_bytes(bundle(card, [enrol("Ada", 1, external_id="E1", groups=("staff",)), enrol("Grace", 2)]))
    assert apply_bundle(file, here, gates()).done == 2
    records = [Change(person="E1", suspended=True), Erase(person="Grace"), enrol("Alan", 3)]
    file.write_bytes(bundle(card, records, number=2))
    assert apply_bundle(file, here, gates()).done == 3
    assert names(here) == ["Ada", "Alan"]
    ada = here.collection.find("E1").facts
    assert (ada.is_suspended, ada.groups) == (True, ("staff",))
    assert kinds(here).count("bundle.applied") == 2


def test_a_photo_is_turned_into_a_template_here(here: Registry, file: Path) -> None:
    announced = Enrol(name="Ada", consent=enrol("Ada", 1).consent, photos=1)
    file.write_bytes(bundle(here.collection.authority().card, [announced, Photo(content=b"\x07")]))
    assert apply_bundle(file, here, gates()).done == 1
    assert names(here) == ["Ada"]


def test_a_trial_changes_and_records_nothing(here: Registry, file: Path) -> None:
    file.write_bytes(bundle(here.collection.authority().card, [enrol("Ada", 1)]))
    assert try_bundle(file, here, gates()).problems == ()
    assert (names(here), kinds(here)) == ([], [])


@pytest.mark.parametrize("number", [1, 2])
def test_a_bundle_is_applied_once_and_never_after_a_newer_one(here: Registry, file: Path, number: int) -> None:
    card = here.collection.authority().card
    first = bundle(card, [enrol("Ada", 1)], number=number)
    for content in (first, bundle(card, [], number=3))[: 3 - number]:
        file.write_bytes(content)
        apply_bundle(file, here, gates())
    file.write_bytes(first)
    refuse(here, file, BundleOldError)


def refuse(registry: Registry, file: Path, why: type[BundleError]) -> None:
    before = registry.collection.revision(), registry.collection.author_register()
    with pytest.raises(why):
        apply_bundle(file, registry, gates())
    assert (registry.collection.revision(), registry.collection.author_register()) == before
    assert kinds(registry)[-1] == "bundle.refused"


def test_an_unknown_author_changes_nothing(here: Registry, file: Path) -> None:
    file.write_bytes(bundle(here.collection.authority().card, [enrol("Ada", 1)], author=SigningKey(b"b" * 32)))
    refuse(here, file, AuthorRefusedError)


def test_a_distrusted_author_changes_nothing_and_stays_so_through_a_rotation(here: Registry, file: Path) -> None:
    here.collection.distrust_author(AUTHOR.public.author, at=AT)
    here.collection.rotate_key()
    file.write_bytes(bundle(here.collection.authority().card, [enrol("Ada", 1)]))
    refuse(here, file, AuthorRefusedError)


def test_a_collection_put_back_behind_a_revocation_does_not_undo_it(here: Registry, file: Path) -> None:
    here.audit.append("author.distrusted", {"author": AUTHOR.public.author})
    file.write_bytes(bundle(here.collection.authority().card, [enrol("Ada", 1)]))
    refuse(here, file, AuthorRefusedError)


def test_after_a_rotation_old_cards_are_refused_with_the_reason_and_new_ones_work(here: Registry, file: Path) -> None:
    file.write_bytes(bundle(here.collection.authority().card, [enrol("Ada", 1)]))
    here.collection.rotate_key()
    with pytest.raises(OtherSiteError, match="rotated away"):
        apply_bundle(file, here, gates())
    file.write_bytes(bundle(here.collection.authority().card, [enrol("Ada", 1)]))
    assert apply_bundle(file, here, gates()).done == 1


def test_a_bundle_for_another_site_changes_nothing(here: Registry, file: Path, tmp_path: Path) -> None:
    with site(tmp_path / "elsewhere") as other:
        file.write_bytes(bundle(other.collection.authority().card, [enrol("Ada", 1)]))
    refuse(here, file, OtherSiteError)


def test_a_bundle_whose_time_is_over_changes_nothing(here: Registry, file: Path) -> None:
    file.write_bytes(bundle(here.collection.authority().card, [enrol("Ada", 1)]))
    here.clock.sleep(31 * 86_400)
    refuse(here, file, BundleOldError)


def test_one_entry_that_cannot_be_applied_stops_all_unless_told_otherwise(here: Registry, file: Path) -> None:
    records = [enrol("Ada", 1), enrol("Grace", 1), enrol("ada", 3), Erase(person="nobody"), enrol("Alan", 4)]
    file.write_bytes(bundle(here.collection.authority().card, records))
    refuse(here, file, BundleRejectedError)
    done = apply_bundle(file, here, gates(skip_rejected=True))
    assert [problem.entry for problem in done.problems] == [2, 3, 4]
    assert names(here) == ["Ada", "Alan"]


def test_who_writes_the_register_without_the_key_adds_nobody(here: Registry) -> None:
    sealed = here.collection._execute("SELECT sealed FROM author_register")[0][0]
    changed = sealed[:-1] + bytes([sealed[-1] ^ 1])
    here.collection._execute("UPDATE author_register SET sealed = ?", changed)
    with pytest.raises(Exception, match="damaged"):
        here.collection.author_register()


def test_every_flipped_bit_and_every_truncation_is_refused(here: Registry, file: Path, tmp_path: Path) -> None:
    good = bundle(here.collection.authority().card, [enrol("Ada", 1)])
    places = range(0, len(good) * 8, 1 if "LINTEL_FULL" in os.environ else 7)
    flipped = (good[: bit // 8] + bytes([good[bit // 8] ^ 1 << bit % 8]) + good[bit // 8 + 1 :] for bit in places)
    for bad in [*flipped, *(good[:length] for length in range(len(good))), good + b"\0"]:
        file.write_bytes(bad)
        with pytest.raises(BundleDamagedError), verified_copy(file, scratch=tmp_path):
            pass
    file.write_bytes(good)
    assert apply_bundle(file, here, gates()).done == 1


@given(st.binary(max_size=400), st.data())
def test_whatever_the_parsers_are_given_they_refuse_or_read(content: bytes, data: st.DataObject) -> None:
    good = b"".join(encode_records([enrol("Ada", 1), Erase(person="E1")]))
    place = data.draw(st.integers(0, len(good)))
    for candidate in (content, good[:place] + content + good[place:], good[:place] + content):
        with contextlib.suppress(BundleDamagedError):
            list(decode_records([candidate[:7], candidate[7:]]))
        with pytest.raises(BundleDamagedError):
            decode_header(content)


@given(st.lists(st.integers(1, 60), max_size=20))
def test_records_come_back_however_their_bytes_are_cut(cuts: list[int]) -> None:
    records = [enrol("Ada", 1), Change(person="E1", valid_until=AT), Photo(content=b"x" * 50)]
    rest, chunks = b"".join(encode_records(records)), []
    for cut in cuts:
        chunks.append(rest[:cut])
        rest = rest[cut:]
    assert list(decode_records([*chunks, rest])) == records


def test_a_bundle_of_many_chunks_is_read_whole(here: Registry, file: Path) -> None:
    announced = Enrol(name="Ada", consent=enrol("Ada", 1).consent, photos=1)
    records = [announced, Photo(content=bytes(3 * CHUNK_BYTES) + b"\x07")]
    file.write_bytes(bundle(here.collection.authority().card, records))
    assert apply_bundle(file, here, gates()).done == 1


def test_links_pipes_devices_and_folders_on_a_stick_are_passed_by(tmp_path: Path) -> None:
    (tmp_path / "good.lintel-bundle").write_bytes(b"x")
    (tmp_path / "link.lintel-bundle").symlink_to("/etc/passwd")
    (tmp_path / "folder.lintel-bundle").mkdir()
    os.mkfifo(tmp_path / "pipe.lintel-bundle")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket.lintel-bundle"))
    assert [path.name for path in find_bundles(tmp_path)] == ["good.lintel-bundle"]
    for name in ("link", "folder", "pipe", "socket"):
        with pytest.raises(BundleError), verified_copy(tmp_path / f"{name}.lintel-bundle", scratch=tmp_path):
            pass


def test_a_stick_with_endless_names_or_bundles_is_refused(tmp_path: Path) -> None:
    for number in range(17):
        (tmp_path / f"{number}.lintel-bundle").touch()
    with pytest.raises(BundleError, match="bundles"):
        find_bundles(tmp_path)
    for number in range(4096):
        (tmp_path / f"{number}").touch()
    with pytest.raises(BundleError, match="names"):
        find_bundles(tmp_path)


def kill_while_applying(state: Path, file: Path, *, after_s: float) -> bool:
    """Whether the process was killed before it was done."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            with site(state) as registry:
                apply_bundle(file, registry, gates())
            status = 0
        finally:
            os._exit(status)
    give_up_at = time.perf_counter() + after_s
    while time.perf_counter() < give_up_at:
        pass
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    return os.WIFSIGNALED(status)


def test_killed_anywhere_a_bundle_was_applied_whole_or_not_at_all(tmp_path: Path) -> None:
    wanted = 200 if "LINTEL_FULL" in os.environ else 15
    state, file, source = tmp_path / "state", tmp_path / "b", random.Random(3)
    killed = before = 0
    with site(state) as registry:
        card = registry.collection.authority().card
    number, applied = 0, 0
    while killed < wanted:
        number += 1
        records = [enrol(f"person {number} {one}", number * 100 + one) for one in range(5)]
        file.write_bytes(bundle(card, records, number=number))
        killed += kill_while_applying(state, file, after_s=source.random() * 0.3)
        with site(state) as registry:
            take_back_uncommitted(registry)
            assert enrolled_as_recorded(registry) == {person.id for person in registry.collection.people()}
            people, last = len(names(registry)), registry.collection.author(AUTHOR.public.author).last_number
        assert people in {applied, applied + 5}, "a part of a bundle was applied"
        assert (last == number) == (people == applied + 5), "applied, and not known to be"
        before += people == applied
        applied = people
    sys.stderr.write(f"{killed} killed, {before} before the commit\n")


def test_mutated_headers_and_records_are_refused_or_read() -> None:
    runs, source, refused = 200_000 if "LINTEL_FULL" in os.environ else 5_000, random.Random(5), 0
    good = b"".join(encode_records([enrol("Ada", 1), Change(person="E1", valid_until=AT), Photo(content=b"x" * 50)]))
    header = b'{"v":1,"site":"0123456789abcdef","author":"' + b"a" * 64 + b'","number":1}'
    for _ in range(runs):
        bad, bad_header = bytearray(good), bytearray(header)
        for _ in range(source.randint(1, 4)):
            bad[source.randrange(len(bad))] = source.randrange(256)
            bad_header[source.randrange(len(bad_header))] = source.randrange(256)
        if source.random() < 0.3:
            del bad[source.randrange(len(bad)) :]
        try:
            list(decode_records([bytes(bad)]))
        except BundleDamagedError:
            refused += 1
        with pytest.raises(BundleDamagedError):
            decode_header(bytes(bad_header))
    assert refused
    sys.stderr.write(f"{runs} mutated, {refused} refused\n")
