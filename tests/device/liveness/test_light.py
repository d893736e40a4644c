"""Coded light: the code, and what simulated faces, prints, screens and streams answer. All light here is simulated."""

from __future__ import annotations

import random
from collections import Counter

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.config import LivenessSettings
from device.liveness.light import LightAnswer, LightCode, LightEcho, LightReading, draw_code, judge_light, read_light
from device.measure.simulate.lamps import Conditions, LampCamera, Subject, film, light_up
from device.measure.simulate.posture import Posture
from device.types import Image, Mesh

PAIR = LivenessSettings(mode="light", light_left="white", light_right="red")
SINGLE = msgspec.structs.replace(PAIR, light_right="")
INDOORS = Conditions(lamp=0.3)


def echo_of(
    portrait: tuple[Image, Mesh],
    subject: Subject,
    *,
    seed: int = 1,
    conditions: Conditions = INDOORS,
    settings: LivenessSettings = PAIR,
) -> LightEcho:
    posture = Posture(yaw_deg=4.0, distance_mm=560.0)
    lit = light_up(*portrait, subject=subject, posture=posture, conditions=conditions)
    code = draw_code(settings, random.Random(seed))
    frames = film(lit, code, conditions=conditions, rate_hz=15.0, seed=seed)
    readings = [read_light(image, mesh, at=at + 50.0) for at, image, mesh in frames]
    return judge_light(code, readings, began_at=50.0, settings=settings)


@pytest.fixture(scope="module")
def person(portrait: Image, portrait_mesh: Mesh) -> tuple[Image, Mesh]:
    return portrait, portrait_mesh


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_face_answers_with_its_shape(person: tuple[Image, Mesh], seed: int) -> None:
    assert echo_of(person, Subject.FACE, seed=seed).answer is LightAnswer.FACE


@pytest.mark.parametrize("subject", [Subject.FLAT_PRINT, Subject.BENT_PRINT])
def test_a_print_answers_flat_however_it_is_bent(person: tuple[Image, Mesh], subject: Subject) -> None:
    assert echo_of(person, subject).answer is LightAnswer.FLAT


@pytest.mark.parametrize("subject", [Subject.SCREEN, Subject.INJECTION])
def test_what_shines_by_itself_is_never_a_face(person: tuple[Image, Mesh], subject: Subject) -> None:
    assert echo_of(person, subject).answer in {LightAnswer.SILENT, LightAnswer.UNKNOWN}


@pytest.mark.parametrize(("is_flashed", "answer"), [(True, LightAnswer.FACE), (False, LightAnswer.UNKNOWN)])
def test_a_camera_sees_the_lamps_from_the_moment_they_are_told(
    person: tuple[Image, Mesh], is_flashed: bool, answer: LightAnswer
) -> None:
    lit = light_up(*person, subject=Subject.FACE, posture=Posture(distance_mm=560.0), conditions=INDOORS)
    camera, code, readings = LampCamera(lit, conditions=INDOORS, seed=1), draw_code(PAIR, random.Random(1)), []
    for number in range(70):
        if number == 15 and is_flashed:
            assert camera.flash(code, 1.0) == 1.0
        at, image, mesh = camera.shoot(number / 15)
        readings.append(read_light(image, mesh, at=at))
    assert judge_light(code, readings, began_at=1.0, settings=PAIR).answer is answer


def test_with_one_emitter_a_face_follows_and_has_no_shape(person: tuple[Image, Mesh]) -> None:
    echo = echo_of(person, Subject.FACE, settings=SINGLE)
    assert echo.answer is LightAnswer.FOLLOWS
    assert (echo.shape, echo.relief) == (0.0, 0.0)


def test_an_answer_to_another_code_is_none(person: tuple[Image, Mesh]) -> None:
    lit = light_up(*person, subject=Subject.FACE, posture=Posture(distance_mm=560.0), conditions=INDOORS)
    shown, drawn = draw_code(PAIR, random.Random(1)), draw_code(PAIR, random.Random(2))
    frames = film(lit, shown, conditions=INDOORS, rate_hz=15.0, seed=1)
    readings = [read_light(image, mesh, at=at) for at, image, mesh in frames]
    assert judge_light(drawn, readings, began_at=0.0, settings=PAIR).answer is not LightAnswer.FACE


@pytest.mark.parametrize("conditions", [Conditions(lamp=0.005, noise=4.0), Conditions(lamp=0.3, exposure=9.0)])
def test_in_sunlight_and_overexposed_it_cannot_tell(person: tuple[Image, Mesh], conditions: Conditions) -> None:
    for subject in Subject:
        assert echo_of(person, subject, conditions=conditions).answer is LightAnswer.UNKNOWN


def test_too_few_frames_tell_nothing() -> None:
    code = draw_code(PAIR, random.Random(1))
    assert judge_light(code, [], began_at=0.0, settings=PAIR).answer is LightAnswer.UNKNOWN


@pytest.mark.parametrize(
    ("key", "value", "answer"),
    [
        ("min_light_response", 0.9, LightAnswer.FACE),
        ("min_light_certainty", 99.0, LightAnswer.FACE),
        ("min_light_shape", 0.95, LightAnswer.FACE),
        ("min_light_relief", 0.5, LightAnswer.FACE),
    ],
)
def test_each_configured_bound_counts(person: tuple[Image, Mesh], key: str, value: float, answer: LightAnswer) -> None:
    assert echo_of(person, Subject.FACE).answer is answer
    dim = Conditions(lamp=0.15, noise=9.0) if key == "min_light_certainty" else INDOORS
    stricter = msgspec.structs.replace(PAIR, **{key: value})
    assert echo_of(person, Subject.FACE, settings=stricter, conditions=dim).answer is not answer


@given(st.integers(0, 10_000), st.sampled_from([PAIR, SINGLE]), st.integers(8, 64))
def test_a_code_lights_every_state_equally_often_and_none_for_long(
    seed: int, settings: LivenessSettings, steps: int
) -> None:
    code = draw_code(msgspec.structs.replace(settings, light_steps=steps), random.Random(seed))
    assert len(code.lit) == steps
    counts = Counter(code.lit)
    assert max(counts.values()) - min(counts.values()) <= 1
    assert all(len(set(code.lit[i : i + 4])) > 1 for i in range(steps - 3))


def test_a_code_is_told_in_the_doors_words() -> None:
    code = LightCode(((True, False), (False, True), (True, True), (False, False)), 0.1)
    assert code.flashes("white", "red") == ("white", "red", "white+red", "dark")
    assert code.flashes("white", "") == ("white", "dark", "white", "dark")
    assert code.duration_s == pytest.approx(0.4)


def test_a_face_that_fills_the_frame_has_no_surroundings_and_is_told_all_the_same() -> None:
    readings = [
        LightReading(at=n / 15, face=100.0, columns=np.full(12, 100.0), surroundings=float("nan"), usable=1.0)
        for n in range(60)
    ]
    echo = judge_light(draw_code(PAIR, random.Random(1)), readings, began_at=0.0, settings=PAIR)
    assert echo.answer is LightAnswer.UNKNOWN
