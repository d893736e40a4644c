"""A simulated person answers prompts a human moment later."""

from __future__ import annotations

import pytest

from device.liveness.appearance import Gesture
from device.measure.simulate.follower import FULL, Follower, FollowingPuppet
from device.measure.simulate.posture import stand_still
from device.measure.simulate.puppet import Puppet


def test_every_prompt_of_the_door_can_be_followed() -> None:
    assert set(FULL) == {gesture.value for gesture in Gesture}


@pytest.mark.parametrize("prompt", FULL)
def test_a_prompt_is_answered_after_a_human_reaction_and_not_before(prompt: str) -> None:
    key, full = FULL[prompt]
    rest = getattr(stand_still()(0.0), key)
    follower = Follower(stand_still(), seed=1)
    follower.show(prompt, t_s=2.0)
    assert getattr(follower(2.2), key) == rest
    assert getattr(follower(3.0), key) == pytest.approx(rest + full)


def test_after_the_prompt_the_person_comes_back_except_from_nearer() -> None:
    for prompt, rest_again in (("turn_left", True), ("come_closer", False)):
        follower = Follower(stand_still(), seed=2)
        follower.show(prompt, t_s=0.0)
        follower.show(None, t_s=1.0)
        key, full = FULL[prompt]
        rest = getattr(stand_still()(0.0), key)
        assert getattr(follower(3.0), key) == pytest.approx(rest if rest_again else rest + full)


def test_the_same_seed_reacts_the_same() -> None:
    first, second = (Follower(stand_still(), seed=7) for _ in range(2))
    for follower in (first, second):
        follower.show("look_up", t_s=0.5)
    assert [first(t / 10) for t in range(20)] == [second(t / 10) for t in range(20)]


def test_a_following_puppet_is_a_visitor(puppet: Puppet) -> None:
    assert FollowingPuppet(puppet, Follower(stand_still(), seed=1)).frame_at(0.0).shape == (480, 640, 3)
