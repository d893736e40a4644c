from __future__ import annotations

import dataclasses
import math
import types as python_types
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device import types
from device.types import (
    Box,
    Decision,
    Deny,
    DenyReason,
    ModelId,
    PadVerdict,
    PersonFacts,
    PersonId,
    Pose,
    Quality,
    QualityIssue,
    SearchOutcome,
    Template,
)

VALUES = [
    value for value in vars(types).values() if dataclasses.is_dataclass(value) and value.__module__ == types.__name__
]
MODEL = ModelId("model-a")
ANGLES = st.floats(-180, 180)


def unit(*numbers: float) -> np.ndarray:
    vector = np.array(numbers, dtype=np.float32)
    return vector / np.linalg.norm(vector)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: value.__name__)
def test_every_value_is_frozen_slotted_and_documented(value: Any) -> None:
    assert value.__dataclass_params__.frozen
    assert "__slots__" in vars(value)
    assert value.__doc__
    assert len(value.__doc__.split()) >= 4


@pytest.mark.parametrize("union", [SearchOutcome, PadVerdict, Decision])
def test_outcomes_are_closed_unions_of_values(union: python_types.UnionType) -> None:
    members = get_args(union)
    assert len(members) >= 2
    assert set(members) <= set(VALUES)


def test_a_template_of_unit_length_is_a_template_and_cannot_be_written() -> None:
    template = Template(unit(3, 4), MODEL)
    with pytest.raises(ValueError, match="read-only"):
        template.vector[0] = 1.0


@pytest.mark.parametrize(
    "vector", [[0, 0], [1, 1], [0.998, 0], [math.nan, 1], [math.inf, 0], [math.nan, math.nan], []], ids=str
)
def test_a_template_of_any_other_length_is_refused(vector: list[float]) -> None:
    with pytest.raises(ValueError, match="unit length"):
        Template(np.array(vector, dtype=np.float32), MODEL)


def test_a_template_stays_out_of_representations() -> None:
    assert repr(Template(unit(3, 4), MODEL)) == "Template(model_id='model-a')"


@given(st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=64).filter(lambda v: np.linalg.norm(v) > 0.1))
def test_any_direction_can_be_a_template_and_scores_one_with_itself(numbers: list[float]) -> None:
    template = Template(unit(*numbers), MODEL)
    assert float(template.vector @ template.vector) == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize(("width", "height"), [(0, 1), (1, 0), (-1, 5), (math.nan, 5), (5, math.nan)])
def test_a_box_without_a_size_is_refused(width: float, height: float) -> None:
    with pytest.raises(ValueError, match="positive size"):
        Box(0, 0, width, height)


@given(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4), st.floats(0.1, 1e4), st.floats(0.1, 1e4))
def test_the_sides_of_a_box_agree(left: float, top: float, width: float, height: float) -> None:
    box = Box(left, top, width, height)
    x, y = box.centre
    assert box.left < x < box.right
    assert box.top < y < box.bottom
    assert box.area == pytest.approx(width * height)
    assert (box.right - box.left, box.bottom - box.top) == pytest.approx((width, height), abs=1e-6)


def quality(**changes: Any) -> Quality:
    good = Quality(
        face_height_px=150.0,
        brightness=0.5,
        sharpness=90.0,
        pose=Pose(0, 0, 0),
        presence=1.0,
        cover=0.1,
        issues=(),
    )
    return dataclasses.replace(good, **changes)


def test_a_face_without_objections_is_sufficient() -> None:
    assert quality().is_sufficient
    assert not quality(issues=(QualityIssue.BLURRED,)).is_sufficient


@given(ANGLES, ANGLES, ANGLES, st.floats(0, 1), st.floats(0, 2000))
def test_a_frame_always_counts_a_little_and_never_more_than_once(
    yaw: float, pitch: float, roll: float, presence: float, height: float
) -> None:
    assert 0 < quality(pose=Pose(yaw, pitch, roll), presence=presence, face_height_px=height).weight <= 1


@given(ANGLES, ANGLES)
def test_a_frame_counts_no_more_when_the_head_is_turned_further(one: float, other: float) -> None:
    nearer, further = sorted((one, other), key=abs)
    assert quality(pose=Pose(nearer, 0, 0)).weight >= quality(pose=Pose(further, 0, 0)).weight
    assert quality(pose=Pose(0, nearer, 0)).weight >= quality(pose=Pose(0, further, 0)).weight


def test_a_frontal_large_sure_face_counts_fully() -> None:
    assert quality().weight == 1.0


def test_reasons_and_issues_are_stable_words() -> None:
    for word in (*DenyReason, *QualityIssue):
        assert str(word) == word.value == word.name.lower()


def test_facts_about_a_person_have_no_name() -> None:
    assert not {field.name for field in dataclasses.fields(PersonFacts)} & {"name", "names"}
    assert PersonFacts(PersonId("p-1")).groups == ()


def test_a_denial_carries_a_reason_and_nothing_that_tells_how_near_it_was() -> None:
    assert [field.name for field in dataclasses.fields(Deny)] == ["reason"]
