"""Streams of a camera, and streams that only pretend to come from one."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from device.camera.checks import FROZEN_FRAMES, StreamFault, StreamGuard
from device.types import Frame, Image

RATE_HZ = 15.0


def moving(number: int, *, noise: float = 2.0) -> Image:
    """A bright disc that wanders over a wall, under sensor noise."""
    scene = np.full((240, 320, 3), 120, np.uint8)
    cv2.rectangle(scene, (20, 30), (90, 150), (160, 190, 200), -1)
    centre = (round(160 + 70 * np.sin(number / 7.0)), round(120 + 40 * np.sin(number / 4.3 + 1)))
    cv2.circle(scene, centre, 45, (90, 140, 220), -1)
    grain = np.random.default_rng(number).normal(0, noise, scene.shape)
    return np.clip(scene + grain, 0, 255).astype(np.uint8)


def faults(images: list[Image], *, rate_hz: float = RATE_HZ) -> list[StreamFault | None]:
    guard = StreamGuard(rate_hz=RATE_HZ)
    return [guard.inspect(Frame(image, 10.0 + n / rate_hz, n)) for n, image in enumerate(images)]


def test_a_camera_has_no_fault() -> None:
    assert set(faults([moving(number) for number in range(200)])) == {None}


def test_a_camera_before_which_nothing_moves_has_no_fault() -> None:
    still = [
        np.clip(moving(0, noise=0) + np.random.default_rng(n).normal(0, 2, (240, 320, 3)), 0, 255) for n in range(120)
    ]
    assert set(faults([image.astype(np.uint8) for image in still])) == {None}


def test_a_covered_lens_has_no_fault() -> None:
    assert set(faults([np.zeros((240, 320, 3), np.uint8)] * 60)) == {None}


def test_a_frozen_picture_is_found_after_a_few_frames() -> None:
    found = faults([moving(3)] * 10)
    assert found[: FROZEN_FRAMES - 1] == [None] * (FROZEN_FRAMES - 1)
    assert found[FROZEN_FRAMES - 1] is StreamFault.FROZEN


def test_a_recording_of_a_slower_camera_is_not_frozen() -> None:
    assert set(faults([moving(number // 3) for number in range(120)])) == {None}


def test_a_loop_is_found_in_its_second_round() -> None:
    found = faults([moving(number % 40) for number in range(60)])
    assert set(found[:40]) == {None}
    assert StreamFault.REPEATING in found[40:45]


def test_a_loop_that_was_encoded_again_is_found_by_its_movement() -> None:
    images = [moving(number % 45) for number in range(90)]
    encoded = [
        cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 50 + n // 45 * 30])[1], 1)
        for n, image in enumerate(images)
    ]
    found = faults([np.asarray(image, np.uint8) for image in encoded])
    assert set(found[:45]) == {None}
    assert StreamFault.REPEATING in found[45:75]


@pytest.mark.parametrize("step_s", [0.0, -0.1])
def test_time_that_does_not_advance_is_no_cameras(step_s: float) -> None:
    guard = StreamGuard(rate_hz=RATE_HZ)
    guard.inspect(Frame(moving(0), 10.0, 0))
    assert guard.inspect(Frame(moving(1), 10.0 + step_s, 1)) is StreamFault.CLOCK


def test_a_stream_that_is_pushed_faster_than_any_camera_is_found() -> None:
    assert StreamFault.CLOCK in faults([moving(number) for number in range(30)], rate_hz=120.0)
