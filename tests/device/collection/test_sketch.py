from __future__ import annotations

import numpy as np
import pytest
from people_builders import template

from device.collection.matrix import ReferenceMatrix
from device.collection.sketch import Scan, Sketches, fastest_scan, scan_with_faiss, scan_with_numpy
from device.types import PersonId


def random_rows(rows: int, *, dimensions: int = 128, seed: int = 3, lean: float = 0.0) -> np.ndarray:
    """Random directions; `lean` pulls all of them the same way, as the templates of a real network lean."""
    vectors = np.random.default_rng(seed).standard_normal((rows, dimensions)).astype(np.float32)
    vectors += lean * np.sqrt(dimensions) * template(77, dimensions=dimensions).vector
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def noisy(vectors: np.ndarray, *, score: float, seed: int = 8) -> np.ndarray:
    """Probes that score exactly `score` with their rows."""
    noise = np.random.default_rng(seed).standard_normal(vectors.shape).astype(np.float32)
    noise -= np.sum(noise * vectors, axis=1, keepdims=True) * vectors
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    return (score * vectors + np.sqrt(1 - score**2) * noise).astype(np.float32)


def scans() -> list[Scan]:
    return [scan_with_numpy] if fastest_scan() is scan_with_numpy else [scan_with_numpy, scan_with_faiss]


@pytest.mark.parametrize("scan", scans())
@pytest.mark.parametrize("count", [1, 10, 300, 700, 1000])
def test_every_scan_finds_the_rows_that_differ_least(scan: Scan, count: int) -> None:
    source = np.random.default_rng(1)
    codes, probe = (source.integers(0, 256, (rows, 32), dtype=np.uint8) for rows in (1000, 1))
    differing = np.unpackbits(codes ^ probe, axis=1).sum(axis=1)
    rows, bits = scan(probe, codes, count)
    assert len(set(rows.tolist())) == count
    assert bits == np.sort(differing)[count - 1]
    assert sorted(differing[rows]) == sorted(differing)[:count]


def both(vectors: np.ndarray, owners: list[PersonId]) -> tuple[ReferenceMatrix, ReferenceMatrix]:
    plain, sketched = ReferenceMatrix(), ReferenceMatrix(sketched_above=0)
    for matrix in (plain, sketched):
        matrix.put(owners, vectors)
    return plain, sketched


@pytest.mark.parametrize("lean", [0.0, 0.5])
@pytest.mark.parametrize("score", [0.95, 0.7, 0.5, 0.2])
def test_a_sketched_search_answers_as_the_plain_product(score: float, lean: float) -> None:
    vectors = random_rows(6000, lean=lean)
    owners = [PersonId(f"p{row // 2}") for row in range(6000)]
    plain, sketched = both(vectors, owners)
    for probe in noisy(vectors[:60], score=score):
        expected, found = plain.nearest(probe), sketched.nearest(probe)
        assert expected is not None
        assert found is not None
        assert found.person == expected.person
        assert found.score == pytest.approx(expected.score, abs=1e-6)


def test_what_does_not_matter_stays_below_it() -> None:
    vectors = random_rows(6000)
    plain, sketched = both(vectors, [PersonId(f"p{row}") for row in range(6000)])
    for probe in random_rows(40, seed=99):
        expected, found = plain.nearest(probe, matters_from=0.6), sketched.nearest(probe, matters_from=0.6)
        assert expected is not None
        assert found is not None
        assert found.score < 0.6
        assert expected.score < 0.6


def test_another_person_as_near_as_the_best_is_always_seen() -> None:
    vectors = random_rows(6000)
    vectors[1] = noisy(vectors[:1], score=0.97)[0]
    plain, sketched = both(vectors, [PersonId(f"p{row}") for row in range(6000)])
    expected, found = plain.nearest(vectors[0]), sketched.nearest(vectors[0])
    assert expected is not None
    assert found is not None
    assert found.other_score == pytest.approx(expected.other_score, abs=1e-6)


def test_a_person_with_all_the_nearest_rows_still_has_the_margin_to_somebody_else() -> None:
    crowd = np.repeat(random_rows(1), 5000, axis=0)
    vectors = np.concatenate([crowd, random_rows(500, seed=9)])
    owners = [PersonId("crowd")] * 5000 + [PersonId(f"p{row}") for row in range(500)]
    plain, sketched = both(vectors, owners)
    expected, found = plain.nearest(crowd[0]), sketched.nearest(crowd[0])
    assert expected is not None
    assert found is not None
    assert found.other_score == pytest.approx(expected.other_score, abs=1e-6)


def test_sketches_keep_step_with_people_who_come_and_go() -> None:
    source = np.random.default_rng(4)
    vectors = random_rows(1200)
    plain, sketched = ReferenceMatrix(), ReferenceMatrix(sketched_above=100)
    people: set[int] = set()
    for step in range(1500):
        number = int(source.integers(0, 400))
        person, rows = PersonId(f"p{number}"), vectors[3 * number : 3 * number + 3]
        for matrix in (plain, sketched):
            if number in people:
                matrix.drop(person)
            else:
                matrix.put([person] * 3, rows)
        people ^= {number}
        if step % 50 == 49:
            probe = noisy(vectors[3 * number : 3 * number + 1], score=0.8, seed=step)[0]
            expected, found = plain.nearest(probe), sketched.nearest(probe)
            assert expected is not None
            assert found is not None
            assert found.person == expected.person
            assert found.score == pytest.approx(expected.score, abs=1e-6)


def test_a_sketch_that_was_moved_away_leaves_nothing() -> None:
    sketches = Sketches(random_rows(4), rows=4)
    sketches.move(3, to=0)
    assert not sketches._codes[3].any()
    assert sketches._codes[0].any()
