from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from people_builders import template

from device.collection.matrix import Nearest, ReferenceMatrix
from device.types import PersonId

A, B, C = PersonId("a"), PersonId("b"), PersonId("c")


def rows(*seeds: int, dimensions: int = 16) -> np.ndarray:
    return np.stack([template(seed, dimensions=dimensions).vector for seed in seeds])


def slow_nearest(people: dict[PersonId, np.ndarray], probe: np.ndarray) -> list[tuple[float, PersonId]]:
    """The definition: each person counts once, by the best of their references; the best first."""
    return sorted(((float((vectors @ probe).max()), person) for person, vectors in people.items()), reverse=True)


def test_an_empty_matrix_has_nobody_near() -> None:
    assert ReferenceMatrix().nearest(rows(1)[0]) is None


def test_with_one_person_there_is_no_other() -> None:
    matrix = ReferenceMatrix()
    matrix.put([A, A], rows(1, 2))
    assert matrix.nearest(rows(2)[0]) == Nearest(A, pytest.approx(1.0), None)
    assert (matrix.people, matrix.rows) == (1, 2)


def test_the_margin_is_to_another_person_and_not_to_another_reference_of_the_same() -> None:
    matrix = ReferenceMatrix()
    twin = rows(1)[0]
    matrix.put([A, A, A, B], np.stack([twin, twin, twin, rows(9)[0]]))
    found = matrix.nearest(twin)
    assert found is not None
    assert found.person == A
    assert found.other_score == pytest.approx(float(rows(9)[0] @ twin), abs=1e-6)


def test_rows_of_other_dimensions_are_refused() -> None:
    matrix = ReferenceMatrix()
    matrix.put([A], rows(1))
    with pytest.raises(ValueError, match="16 dimensions"):
        matrix.put([B], rows(1, dimensions=8))


def test_dimensions_may_change_once_everybody_left() -> None:
    matrix = ReferenceMatrix()
    matrix.put([A], rows(1))
    matrix.drop(A)
    matrix.put([B], rows(1, dimensions=8))
    assert matrix.dimensions == 8


def test_a_dropped_person_leaves_no_row_in_memory() -> None:
    matrix = ReferenceMatrix()
    matrix.put([A, B, A], rows(1, 2, 3))
    matrix.drop(A)
    for seed in (1, 3):
        assert not np.any(np.all(matrix._vectors == rows(seed)[0], axis=1))
    assert matrix.nearest(rows(1)[0]).person == B  # type: ignore[union-attr]


def test_a_search_allocates_no_copy_of_the_rows() -> None:
    matrix = ReferenceMatrix()
    matrix.put([A, B], rows(1, 2))
    vectors, scores = matrix._vectors, matrix._scores
    matrix.nearest(rows(1)[0])
    assert matrix._vectors is vectors
    assert matrix._scores is scores
    assert vectors.flags.c_contiguous
    assert vectors.dtype == np.float32


class MatrixIsLikeADictionary(RuleBasedStateMachine):
    """Whatever is put and dropped, the matrix finds what the definition finds."""

    def __init__(self) -> None:
        super().__init__()
        self.matrix = ReferenceMatrix()
        self.people: dict[PersonId, np.ndarray] = {}

    @rule(person=st.sampled_from("abcdef"), seeds=st.lists(st.integers(0, 500), min_size=1, max_size=4))
    def put(self, person: str, seeds: list[int]) -> None:
        owner, vectors = PersonId(person), rows(*seeds)
        self.matrix.put([owner] * len(seeds), vectors)
        self.people[owner] = np.concatenate([self.people[owner], vectors]) if owner in self.people else vectors

    @rule(person=st.sampled_from("abcdef"))
    def drop(self, person: str) -> None:
        self.matrix.drop(PersonId(person))
        self.people.pop(PersonId(person), None)

    @rule(seed=st.integers(0, 500))
    def search(self, seed: int) -> None:
        probe = rows(seed)[0]
        expected = slow_nearest(self.people, probe)
        found = self.matrix.nearest(probe)
        if not expected:
            assert found is None
            return
        assert found is not None
        assert math.isclose(found.score, expected[0][0], abs_tol=1e-5)
        assert math.isclose(float((self.people[found.person] @ probe).max()), found.score, abs_tol=1e-5)
        if len(expected) == 1:
            assert found.other_score is None
        else:
            assert found.other_score is not None
            assert math.isclose(found.other_score, expected[1][0], abs_tol=1e-5)

    @invariant()
    def sizes_agree(self) -> None:
        assert self.matrix.people == len(self.people)
        assert self.matrix.rows == sum(len(vectors) for vectors in self.people.values())


TestMatrixIsLikeADictionary = MatrixIsLikeADictionary.TestCase
TestMatrixIsLikeADictionary.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)


@given(st.integers(1, 300), st.integers(0, 50))
@settings(max_examples=25, deadline=None)
def test_growing_keeps_every_row(people: int, extra: int) -> None:
    matrix = ReferenceMatrix()
    vectors = rows(*range(people + extra), dimensions=4)
    owners = [PersonId(str(number)) for number in range(people + extra)]
    matrix.put(owners[:people], vectors[:people])
    for owner, vector in zip(owners[people:], vectors[people:], strict=True):
        matrix.put([owner], vector[None])
    assert np.array_equal(matrix._vectors[: matrix.rows], vectors)
