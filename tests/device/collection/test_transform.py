from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from people_builders import near, template

from device.collection.seal import Sealer, random_site_key
from device.collection.transform import orthogonal_matrix, seed_bytes, turn


def matrix(dimensions: int = 128, *, generation: int = 1) -> np.ndarray:
    seed = Sealer(random_site_key(), generation=generation).matrix_seed("m", length=seed_bytes(dimensions))
    return orthogonal_matrix(seed, dimensions=dimensions)


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.sampled_from([2, 16, 128, 512]))
@settings(max_examples=40, deadline=None)
def test_turning_changes_no_score(one: int, other: int, dimensions: int) -> None:
    turned_by = matrix(dimensions)
    a, b = template(one, dimensions=dimensions).vector, template(other, dimensions=dimensions).vector
    assert float(turn(a, turned_by) @ turn(b, turned_by)) == pytest.approx(float(a @ b), abs=1e-5)


def test_the_transposed_matrix_turns_back() -> None:
    turned_by, vector = matrix(), template(1).vector
    assert np.allclose(turn(turn(vector, turned_by), turned_by.T), vector, atol=1e-6)
    assert np.allclose(turned_by @ turned_by.T, np.eye(128), atol=1e-5)


def test_one_key_makes_one_matrix_and_each_model_and_generation_another() -> None:
    key, length = random_site_key(), seed_bytes(16)
    seeds = [
        Sealer(key, generation=generation).matrix_seed(model, length=length)
        for generation, model in ((1, "a"), (1, "b"), (2, "a"), (1, "a"))
    ]
    assert seeds[0] == seeds[3]
    assert len(set(seeds)) == 3


def test_the_matrix_of_a_seed_never_changes() -> None:
    """Collections depend on it: these numbers were written down when the first one was made."""
    made = orthogonal_matrix(bytes(range(64)), dimensions=2)
    assert np.allclose(made, FIRST_MATRIX, atol=1e-6)


FIRST_MATRIX = [[0.9563321, 0.292282], [0.292282, -0.9563321]]


def test_templates_of_two_sites_score_like_strangers() -> None:
    one, other = matrix(), matrix()  # the mean over people is the trace of both over 128: 0.008 either way
    scores = [
        float(turn(template(seed).vector, one) @ turn(near(template(seed), seed=seed + 1, noise=0.5).vector, other))
        for seed in range(400)
    ]
    assert abs(float(np.mean(scores))) < 0.05
    assert 0.06 < float(np.std(scores)) < 0.12, "1 / sqrt(128), as for random directions"


def test_a_seed_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="64 bytes"):
        orthogonal_matrix(b"short", dimensions=2)
