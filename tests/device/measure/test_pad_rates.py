"""Error rates of presentation attack detection: the intervals, the counting, the material."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from device.app import build_vision
from device.collection.keys import KeyFolder
from device.config import LivenessSettings, decode_settings
from device.errors import VideoUnreadableError
from device.measure.attempt import Stand
from device.measure.pad import BONA_FIDE, Basis, Presentation, exact_share, present, rate, readings
from device.measure.pad_material import SPECIES, find_showings, simulate
from device.measure.pad_plots import write_plots
from device.stopwatch import Stopwatch
from device.types import Attack, AttackReason, BonaFide, CueReading, Image, Mesh, MissingCue, NotChecked, Undecided
from enroll.measure_pad import in_mode, pad, pad_document
from models.store import Installed

CUES = (CueReading("motion.depth", 0.05, 0.034),)
LIVE, FAKE = BonaFide(CUES), Attack(AttackReason.PLANAR, CUES)
OPEN = Undecided((MissingCue.MOTION,), CUES)


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    [
        (0, 150, 0.0, 0.0243),
        (0, 10, 0.0, 0.3085),
        (5, 10, 0.1871, 0.8129),
        (10, 10, 0.6915, 1.0),
        (1, 1000, 0.0, 0.0056),
    ],
)
def test_intervals_are_those_of_clopper_and_pearson(count: int, of: int, low: float, high: float) -> None:
    """0 of 150 is at most 2.43 %: what an evaluation after ISO/IEC 30107-3 quotes."""
    share = exact_share(count, of)
    assert (share.low, share.high) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


@given(st.integers(1, 400).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))))
def test_an_interval_holds_its_share(share: tuple[int, int]) -> None:
    found = exact_share(*share)
    assert found.value is not None
    assert 0.0 <= found.low <= found.value <= found.high <= 1.0


def test_nothing_has_no_share_and_says_nothing() -> None:
    share = exact_share(0, 0)
    assert (share.value, share.low, share.high) == (None, 0.0, 1.0)
    with pytest.raises(ValueError, match="no share"):
        exact_share(3, 2)


def test_undecided_counts_neither_as_attack_nor_as_bona_fide() -> None:
    shown = [Presentation(BONA_FIDE, str(n), verdict) for n, verdict in enumerate((LIVE, LIVE, OPEN, FAKE))]
    shown += [Presentation("print", str(n), verdict) for n, verdict in enumerate((FAKE, FAKE, OPEN, None, LIVE))]
    shown += [Presentation("mask", "0", NotChecked())]
    rates = rate(shown, mode="passive")
    assert (rates.bpcer.value, rates.undecided_bona_fide.value) == (0.25, 0.25)
    assert {name: share.value for name, share in rates.apcer.items()} == {"print": 0.2, "mask": 1.0}
    assert rates.undecided["print"].value == 0.4
    assert rates.worst_apcer == 1.0
    assert rates.iapar == {}


def test_an_impostor_counts_only_when_liveness_and_the_matcher_let_it_pass() -> None:
    cases = ((LIVE, True), (LIVE, False), (FAKE, True), (OPEN, True))
    shown = [Presentation("print", str(n), verdict, matched) for n, (verdict, matched) in enumerate(cases)]
    assert rate(shown, mode="passive").iapar["print"].value == 0.25


def test_what_was_recorded_at_the_door_is_counted_apart() -> None:
    shown = [Presentation("print", basis, FAKE, basis=basis) for basis in (*Basis, Basis.RECORDED)]
    assert pad_document(rate(shown, mode="challenge"), is_simulated=False)["recorded"] == 2


def test_the_document_has_the_agreed_keys() -> None:
    shown = [Presentation(BONA_FIDE, "a", LIVE), Presentation("print", "b", FAKE)]
    document = pad_document(rate(shown, mode="cooperative"), is_simulated=True)
    assert {"mode", "bpcer", "undecided_bona_fide", "species", "worst_apcer", "recorded"} <= document.keys()
    assert {"n", "apcer", "low", "high"} <= document["species"]["print"].keys()
    assert document["simulated"] is True
    assert json.loads(json.dumps(document)) == document


def test_readings_are_sorted_by_cue_and_species() -> None:
    found = readings(
        [Presentation(BONA_FIDE, "a", LIVE), Presentation("print", "b", FAKE), Presentation("x", "c", None)]
    )
    assert {cue: sorted(by_species) for cue, by_species in found.items()} == {"motion.depth": [BONA_FIDE, "print"]}


def test_the_page_of_plots_is_a_picture(tmp_path: Path) -> None:
    shown = [Presentation(BONA_FIDE, "a", LIVE), Presentation("print", "b", FAKE)]
    write_plots(tmp_path / "page.png", [rate(shown, mode="passive")], shown, is_simulated=True)
    page = cv2.imread(str(tmp_path / "page.png"))
    assert page is not None
    assert page.shape[1] == 1000


def test_a_folder_is_read_by_species(tmp_path: Path, portrait: Image) -> None:
    for name in (BONA_FIDE, "printed_photo"):
        (tmp_path / name).mkdir()
        cv2.imwrite(str(tmp_path / name / "one.png"), portrait)
    (tmp_path / "printed_photo" / "notes.txt").write_text("not shown")
    showings = find_showings(tmp_path, keys=KeyFolder(tmp_path))
    assert [(one.species, one.name) for one in showings] == [(BONA_FIDE, "one.png"), ("printed_photo", "one.png")]
    frames = list(showings[0].frames())
    assert len(frames) == 30
    assert all(np.array_equal(image, frames[0][1]) for _, image in frames)
    assert [at for at, _ in frames] == [n / 15 for n in range(30)]


def test_a_folder_without_material_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VideoUnreadableError, match="no video or still"):
        find_showings(tmp_path, keys=KeyFolder(tmp_path))


def test_a_simulation_shows_every_species_and_a_person_who_can_be_asked(portrait: Image, portrait_mesh: Mesh) -> None:
    showings = list(simulate([(portrait, portrait_mesh)], seed=1, mode="challenge"))
    assert [one.species for one in showings] == [BONA_FIDE, *SPECIES]
    assert [one.told is not None for one in showings] == [True] + [False] * len(SPECIES)
    first = [next(one.frames())[1] for one in showings]
    assert all(image.shape == first[0].shape for image in first)


@pytest.mark.parametrize("arguments", [[], ["--simulate", "."]])
def test_a_folder_or_a_simulation_must_be_named_and_not_both(arguments: list[str]) -> None:
    result = CliRunner().invoke(pad, arguments)
    assert result.exit_code == 2
    assert "FOLDER" in result.output


@pytest.fixture
def lamps_stand(networks: Installed) -> Stand:
    liveness = in_mode(LivenessSettings(), "light", is_simulated=True)
    settings = msgspec.structs.replace(decode_settings(b""), liveness=liveness)
    return Stand(lambda: build_vision(settings, networks, Stopwatch()), liveness, None)


def test_before_the_simulated_lamps_a_face_passes_and_its_print_does_not(
    lamps_stand: Stand, portrait: Image, portrait_mesh: Mesh
) -> None:
    showings = {one.species: one for one in simulate([(portrait, portrait_mesh)], seed=4, mode="light")}
    assert list(showings) == [BONA_FIDE, "flat_print", "bent_print", "screen", "injection"]
    assert isinstance(present(showings[BONA_FIDE], lamps_stand).verdict, BonaFide)
    verdict = present(showings["flat_print"], lamps_stand).verdict
    assert isinstance(verdict, Attack)
    assert verdict.reason is AttackReason.LIGHT


def test_simulated_people_stand_before_the_configured_emitters_or_before_two() -> None:
    assert _emitters(in_mode(LivenessSettings(), "light", is_simulated=True)) == ("left", "right")
    only = LivenessSettings(light_left="white")
    assert _emitters(in_mode(only, "light", is_simulated=True)) == ("white", "")


def _emitters(liveness: LivenessSettings) -> tuple[str, str]:
    return liveness.light_left, liveness.light_right
