from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from models.benchmark import TIMED_RUNS, WARM_UP_RUNS, agreement, make_probes, time_builds
from models.manifest import Precision, read_manifest

NETWORKS = read_manifest().networks


class Vector:
    """A session that always answers the same."""

    def __init__(self, *values: float) -> None:
        self.calls = 0
        self._answer = np.array([values], np.float32)

    def infer(self, _tensor: np.ndarray) -> tuple[np.ndarray, ...]:
        self.calls += 1
        return (self._answer,)


def agreed(one: Vector, other: Vector) -> float:
    return agreement({Precision.FLOAT: one, Precision.INT8: other}, probes=[np.zeros(1, np.float32)])


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_a_probe_is_a_picture_that_the_network_takes(name: str) -> None:
    spec = NETWORKS[name].input
    for probe in make_probes(spec, count=2):
        assert probe.shape == spec.shape
        assert probe.dtype == np.float32
        channels_last = probe[0] if spec.layout == "NHWC" else probe[0].transpose(1, 2, 0)
        colours = channels_last * np.array(spec.std) + np.array(spec.mean)
        assert -0.01 <= colours.min() < 60
        assert 180 < colours.max() <= 255.01


def test_probes_are_the_same_every_time_and_differ_among_themselves() -> None:
    spec = NETWORKS["mobilefacenet"].input
    first, second = make_probes(spec, count=3), make_probes(spec, count=3)
    np.testing.assert_array_equal(first, second)
    assert not np.allclose(first[0], first[1])


def test_agreement_is_the_cosine_of_the_answers() -> None:
    assert agreed(Vector(1, 0), Vector(5, 0)) == pytest.approx(1.0)
    assert agreed(Vector(1, 0), Vector(0, 1)) == pytest.approx(0.0)
    assert agreed(Vector(1, 2), Vector(-1, -2)) == pytest.approx(-1.0)


def test_agreement_is_that_of_the_worst_probe() -> None:
    class Fickle:
        def infer(self, tensor: np.ndarray) -> tuple[Any, ...]:
            return (np.array([[1.0, float(tensor[0])]], np.float32),)

    sessions = {Precision.FLOAT: Vector(1, 0), Precision.INT8: Fickle()}
    probes = [np.array([0.0], np.float32), np.array([1.0], np.float32)]
    assert agreement(sessions, probes=probes) == pytest.approx(np.sqrt(0.5))


@pytest.mark.parametrize("broken", [Vector(0, 0), Vector(float("nan"), 1), Vector(float("inf"), 1)])
def test_an_answer_without_direction_agrees_with_nothing(broken: Vector) -> None:
    assert not agreed(Vector(1, 0), broken) > 0


def test_builds_are_timed_equally_often() -> None:
    sessions = {Precision.FLOAT: Vector(1), Precision.INT8: Vector(1)}
    times = time_builds(sessions, probe=np.zeros(1, np.float32))
    assert [session.calls for session in sessions.values()] == [WARM_UP_RUNS + TIMED_RUNS] * 2
    assert times.keys() == set(Precision)
    assert min(times.values()) > 0
