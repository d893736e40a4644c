from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.types import Box
from device.vision.boxes import bounding_box, merge_detections, overlap, overlaps_with

pixels = st.floats(-2000, 2000, width=32)
sides = st.floats(1, 2000, width=32)
boxes = st.builds(Box, pixels, pixels, sides, sides)


@given(boxes, boxes)
def test_overlap_is_a_share_and_does_not_depend_on_the_order(a: Box, b: Box) -> None:
    assert 0.0 <= overlap(a, b) <= 1.0
    assert overlap(a, b) == pytest.approx(overlap(b, a), abs=1e-6)


@given(boxes)
def test_a_box_overlaps_itself_wholly(box: Box) -> None:
    assert overlap(box, box) == pytest.approx(1.0, abs=1e-6)


@given(boxes, sides)
def test_boxes_side_by_side_share_nothing(box: Box, width: float) -> None:
    beside = Box(box.right + 0.5, box.top, width, box.height)
    assert overlap(box, beside) == 0.0


@given(boxes, boxes, pixels, pixels, st.floats(0.1, 10))
def test_overlap_survives_shifts_and_zooms(a: Box, b: Box, dx: float, dy: float, zoom: float) -> None:
    moved = [Box((c.left + dx) * zoom, (c.top + dy) * zoom, c.width * zoom, c.height * zoom) for c in (a, b)]
    assert overlap(*moved) == pytest.approx(overlap(a, b), abs=1e-3)


def test_overlap_counts_the_shared_area_once() -> None:
    assert overlap(Box(0, 0, 4, 4), Box(2, 0, 4, 4)) == pytest.approx(8 / 24)
    assert overlap(Box(0, 0, 10, 10), Box(2, 2, 5, 2)) == pytest.approx(10 / 100)


@given(boxes, st.lists(boxes, min_size=1, max_size=5))
def test_one_against_many_agrees_with_one_against_one(one: Box, many: list[Box]) -> None:
    corners = [np.array([b.left, b.top, b.right, b.bottom], np.float32) for b in (one, *many)]
    together = overlaps_with(corners[0], np.stack(corners[1:]))
    assert together == pytest.approx([overlap(one, other) for other in many], abs=2e-3)


@given(st.lists(st.tuples(pixels, pixels), min_size=1, max_size=20))
def test_a_bounding_box_holds_every_point_and_no_more(points: list[tuple[float, float]]) -> None:
    cloud = np.array(points, np.float32)
    box = bounding_box(cloud)
    assert (box.left, box.top) == pytest.approx(tuple(cloud.min(axis=0)))
    width, height = np.ptp(cloud, axis=0)
    assert (box.width, box.height) == pytest.approx((max(1.0, width), max(1.0, height)), rel=1e-5)


def test_a_bounding_box_ignores_depth() -> None:
    assert bounding_box(np.array([[0, 0, -500], [10, 20, 900]], np.float32)) == Box(0, 0, 10, 20)


def detections(*rows: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Rows of left, top, right, bottom, one further number, score."""
    table = np.array(rows, np.float32)
    return table[:, :5], table[:, 5]


def test_detections_of_one_face_become_their_weighted_mean_with_the_best_score() -> None:
    values, scores = detections((0, 0, 10, 10, 100, 0.9), (2, 0, 12, 10, 200, 0.6))
    ((value, score),) = merge_detections(values, scores, min_overlap=0.3)
    assert value == pytest.approx([0.8, 0, 10.8, 10, 140], abs=1e-5)
    assert score == pytest.approx(0.9)


def test_two_faces_stay_two_and_the_surer_comes_first() -> None:
    values, scores = detections((0, 0, 10, 10, 1, 0.6), (50, 0, 60, 10, 2, 0.8))
    merged = merge_detections(values, scores, min_overlap=0.3)
    assert [value[4] for value, _ in merged] == [2, 1]


def test_what_overlaps_too_little_is_not_merged() -> None:
    values, scores = detections((0, 0, 10, 10, 1, 0.9), (6, 0, 16, 10, 2, 0.8))  # share 4 of 16
    assert len(merge_detections(values, scores, min_overlap=0.3)) == 2
    assert len(merge_detections(values, scores, min_overlap=0.2)) == 1


def test_nothing_merges_to_nothing() -> None:
    assert merge_detections(np.empty((0, 4), np.float32), np.empty(0, np.float32), min_overlap=0.3) == []


rows = st.lists(
    st.tuples(pixels, pixels, st.floats(0, 200, width=32), st.floats(0, 200, width=32), st.floats(0.5, 1, width=32)),
    min_size=1,
    max_size=12,
)


@given(rows)
def test_merging_ends_keeps_the_best_score_and_stays_inside_what_it_was_given(rows: list[tuple[float, ...]]) -> None:
    """Degenerate rectangles, which overlap nobody and not even themselves, included."""
    table = np.array(rows, np.float32)
    values = np.concatenate([table[:, :2], table[:, :2] + table[:, 2:4]], axis=1)
    merged = merge_detections(values, table[:, 4], min_overlap=0.3)
    assert 1 <= len(merged) <= len(rows)
    best = [score for _, score in merged]
    assert best == sorted(best, reverse=True)
    assert best[0] == pytest.approx(float(table[:, 4].max()))
    for value, _ in merged:
        assert (value >= values.min(axis=0) - 1e-2).all()
        assert (value <= values.max(axis=0) + 1e-2).all()


@given(rows, st.randoms(use_true_random=False))
def test_the_order_of_detections_does_not_matter(rows: list[tuple[float, ...]], random: object) -> None:
    """Unless two scores are equal: then the first is taken for the best."""
    table = np.unique(np.array(rows, np.float32), axis=0)
    _, first = np.unique(table[:, 4], return_index=True)
    table = table[first]
    values = np.concatenate([table[:, :2], table[:, :2] + table[:, 2:4]], axis=1)
    order = list(range(len(table)))
    random.shuffle(order)  # type: ignore[attr-defined]
    one = merge_detections(values, table[:, 4], min_overlap=0.3)
    other = merge_detections(values[order], table[order, 4], min_overlap=0.3)
    assert len(one) == len(other)
    for (a, _), (b, _) in zip(one, other, strict=True):
        assert a == pytest.approx(b, abs=1e-2)
