"""Watching what moves before one door's vision: the first answer counts, and only of heads that turned."""

from __future__ import annotations

import pytest

from device.app import build_vision
from device.config import LivenessSettings, Settings
from device.liveness.solidity import Shape
from device.measure.motion import PRINTS, Scene, show_print, show_puppet, watch
from device.stopwatch import Stopwatch
from device.types import Image, Mesh
from models.store import Installed

SETTINGS = Settings()


def test_a_puppet_that_looks_about_is_a_head_and_is_seen_to_turn(
    portrait: Image, portrait_mesh: Mesh, networks: Installed
) -> None:
    scene = Scene("puppet", "grace", show_puppet(portrait, portrait_mesh, seed=3))
    found = watch(scene, build_vision(SETTINGS, networks, Stopwatch()), SETTINGS.liveness)
    assert found.shape is Shape.SOLID
    assert found.swept_deg > 25.0
    assert found.after_s < scene.seconds


@pytest.mark.parametrize("is_bent", [False, True])
def test_a_print_that_is_turned_is_a_sheet(
    portrait: Image, portrait_mesh: Mesh, networks: Installed, *, is_bent: bool
) -> None:
    scene = Scene("print", "grace", show_print(portrait, portrait_mesh, "turned", is_bent=is_bent, seed=3))
    assert watch(scene, build_vision(SETTINGS, networks, Stopwatch()), SETTINGS.liveness).shape is Shape.FLAT


def test_a_print_that_is_only_rolled_in_its_plane_is_no_head(
    portrait: Image, portrait_mesh: Mesh, networks: Installed
) -> None:
    scene = Scene("print", "grace", show_print(portrait, portrait_mesh, "rolled", is_bent=False, seed=3))
    found = watch(scene, build_vision(SETTINGS, networks, Stopwatch()), SETTINGS.liveness)
    assert found.shape is not Shape.SOLID


def test_an_empty_scene_says_nothing(networks: Installed, portrait: Image) -> None:
    scene = Scene("print", "nobody", lambda _: portrait[:40, :40].copy(), 0.2)
    found = watch(scene, build_vision(SETTINGS, networks, Stopwatch()), LivenessSettings())
    assert (found.shape, found.swept_deg, found.after_s) == (Shape.UNKNOWN, 0.0, 0.2)


def test_every_way_to_move_a_print_has_a_picture(portrait: Image, portrait_mesh: Mesh) -> None:
    for how in PRINTS:
        assert show_print(portrait, portrait_mesh, how, is_bent=True, seed=1)(1.0).shape == (480, 640, 3)
