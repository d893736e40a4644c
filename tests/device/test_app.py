"""The composition root: what settings and installed networks are built into."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from builders import ADA, make_match, make_person
from fakes import FakeAudit, FakeDoor, FakeKeypad

from device.__main__ import refuse_without_keypad
from device.app import (
    build_decide,
    build_inquiry,
    build_texture,
    build_thresholds,
    build_vision,
    earliest_time,
    is_after,
    open_appliance,
    runtime_options,
    template_card,
    with_constancy,
)
from device.clock import FakeClock
from device.config import PolicySettings, Settings, decode_settings
from device.errors import ConfigError, TargetUnreachableError
from device.stopwatch import Stopwatch
from device.types import (
    BonaFide,
    Deny,
    DenyReason,
    Evidence,
    FactorAwaited,
    FactorFailed,
    FactorFault,
    Grant,
    Match,
    TrackId,
)
from firmware_bridge.errors import CommandRefusedError, DoorUnreachableError
from models.errors import ModelMissingError
from models.manifest import Role
from models.session import RuntimeOptions
from models.store import Installed


def without(installed: Installed, role: Role) -> Installed:
    """The same profile, from which one network has gone."""
    networks = {
        name: entry
        for name, entry in installed.inventory.networks.items()
        if installed.store.manifest.networks[name].role != role
    }
    return replace(installed, inventory=msgspec.structs.replace(installed.inventory, networks=networks))


def settings_of(installed: Installed, state: Path, text: str = "") -> Settings:
    site = f"[site]\nstate_folder = '{state}'\nmodels_folder = '{installed.store.root}'\n"
    return decode_settings(f"{site}{text}".encode())


def test_the_standard_profile_has_both_texture_networks_and_the_other_none(
    standard_networks: Installed, pip_only_networks: Installed
) -> None:
    assert build_texture(standard_networks, RuntimeOptions()) is not None
    assert build_texture(pip_only_networks, RuntimeOptions()) is None


def test_half_of_the_texture_pair_is_an_error_and_not_half_a_check(standard_networks: Installed) -> None:
    for role in (Role.TEXTURE_NEAR, Role.TEXTURE_FAR):
        with pytest.raises(ModelMissingError, match="half of the texture pair"):
            build_texture(without(standard_networks, role), RuntimeOptions())


def test_texture_networks_that_are_switched_off_are_not_even_loaded(standard_networks: Installed) -> None:
    settings = decode_settings(b"[liveness]\nuse_texture = false\n")
    assert build_vision(settings, standard_networks, Stopwatch()).texture is None
    assert build_vision(Settings(), standard_networks, Stopwatch()).texture is not None


@pytest.mark.parametrize("role", [Role.DETECTOR, Role.MESH, Role.TEMPLATE])
def test_a_profile_without_a_network_that_every_door_needs_is_an_error(networks: Installed, role: Role) -> None:
    with pytest.raises(ModelMissingError):
        build_vision(Settings(), without(networks, role), Stopwatch())


def test_the_threshold_follows_from_the_goal_and_from_what_was_measured_of_the_network(networks: Installed) -> None:
    card = template_card(networks)
    strict, lax = (
        build_thresholds(decode_settings(f"[recognition]\ntarget_fpir = {goal}\n".encode()), networks)
        for goal in (0.001, 0.1)
    )
    assert strict.choose(100).model_id == card.model_id
    assert strict.choose(100).score > lax.choose(100).score
    assert strict.choose(1).fmr <= Settings().recognition.max_fmr


@pytest.mark.parametrize(("profile", "margin"), [("standard_networks", 0.05), ("pip_only_networks", 0.009)])
def test_the_least_margin_is_in_the_scores_of_the_network_that_runs(
    profile: str, margin: float, request: pytest.FixtureRequest
) -> None:
    """dlib's scores lie closer together than MobileFaceNet's."""
    installed: Installed = request.getfixturevalue(profile)
    decide = build_decide(Settings(), installed)
    threshold = build_thresholds(Settings(), installed).choose(2)

    def decided(margin: float) -> object:
        return decide(
            Evidence(
                search=Match(ADA, threshold.score + 0.01, margin, threshold),
                person=make_person(),
                pad=BonaFide(()),
                frames=Settings().recognition.min_frames,
                captured_at=1000.0,
                decided_at=1000.1,
                now=datetime(2026, 6, 1, tzinfo=UTC),
                clock_is_trusted=True,
            )
        )

    assert decided(margin * 1.01) == Grant(ADA, Settings().door.release_for_s)
    assert decided(margin * 0.99) == Deny(DenyReason.AMBIGUOUS)


def test_who_must_type_a_pin_is_as_configured(standard_networks: Installed) -> None:
    threshold = build_thresholds(Settings(), standard_networks).choose(2)
    evidence = Evidence(
        search=Match(ADA, threshold.score + 0.01, 1.0, threshold),
        person=make_person(groups=("vault",)),
        pad=BonaFide(()),
        frames=Settings().recognition.min_frames,
        captured_at=1000.0,
        decided_at=1000.1,
        now=datetime(2026, 6, 1, tzinfo=UTC),
        clock_is_trusted=True,
    )

    def decided(groups: str) -> object:
        policy = f"[policy]\nsecond_factor_groups = {groups}\n".encode()
        return build_decide(decode_settings(policy), standard_networks)(evidence)

    missing = Deny(DenyReason.SECOND_FACTOR_MISSING)
    assert decided("[]") == decided("['staff']") == Grant(ADA, Settings().door.release_for_s)
    assert decided("['staff', 'vault']") == decided("['everyone']") == missing


@pytest.mark.parametrize("within_s", [3.0, 15.0])
def test_how_long_the_door_waits_for_a_pin_is_as_configured(tmp_path: Path, within_s: float) -> None:
    text = f"[site]\nstate_folder = '{tmp_path}'\n[policy]\nsecond_factor_within_s = {within_s}\n"
    clock = FakeClock()
    keypad = FakeKeypad(clock)
    inquiry = build_inquiry(decode_settings(text.encode()), keypad, door=FakeDoor(), clock=clock)
    missing = Deny(DenyReason.SECOND_FACTOR_MISSING)
    inquiry.consider(TrackId(1), evidence_of(clock), missing)
    clock.advance(within_s - 0.1)
    assert inquiry.factor_of(TrackId(1)) == FactorAwaited(ADA)
    clock.advance(0.2)
    assert inquiry.factor_of(TrackId(1)) == FactorFailed(FactorFault.LATE)


def test_a_keypad_at_a_door_whose_collection_is_gone_is_no_way_in(tmp_path: Path) -> None:
    clock = FakeClock()
    settings = decode_settings(f"[site]\nstate_folder = '{tmp_path}'\n".encode())
    inquiry = build_inquiry(settings, FakeKeypad(clock), door=FakeDoor(), clock=clock)
    inquiry.consider(TrackId(1), evidence_of(clock), Deny(DenyReason.SECOND_FACTOR_MISSING))
    inquiry.poll()
    assert inquiry.factor_of(TrackId(1)) == FactorFailed(FactorFault.UNAVAILABLE)


def test_a_door_that_asks_for_pins_starts_with_a_keypad_only() -> None:
    keypad = FakeKeypad(FakeClock())
    refuse_without_keypad(keypad)
    keypad.fault = DoorUnreachableError("gone")  # it may come back
    refuse_without_keypad(keypad)
    keypad.fault = CommandRefusedError("the door refuses: this door has no such thing (not_fitted)")
    with pytest.raises(ConfigError, match=r"^\[policy\] second_factor_groups: PINs need a keypad") as caught:
        refuse_without_keypad(keypad)
    assert caught.value.exit_code == 78


def evidence_of(clock: FakeClock) -> Evidence:
    """Ada, to whom nothing but the second factor is missing."""
    match = make_match()
    now = clock.monotonic()
    return Evidence(match, make_person(), BonaFide(()), 5, now, now, clock.now(), clock_is_trusted=True)


@pytest.mark.parametrize(("profile", "least"), [("standard_networks", 0.35), ("pip_only_networks", 0.9)])
def test_a_swapped_face_is_noticed_in_the_scores_of_the_network_that_runs(
    profile: str, least: float, request: pytest.FixtureRequest
) -> None:
    card = template_card(request.getfixturevalue(profile))
    assert with_constancy(Settings().recognition, card).min_constancy >= least


def test_networks_use_the_machine_as_configured() -> None:
    text = b"[runtime]\nthreads = 3\nproviders = ['CUDAExecutionProvider']\ndelegate = 'libedgetpu.so.1'\n"
    assert runtime_options(decode_settings(text)) == RuntimeOptions(
        threads=3, providers=("CUDAExecutionProvider",), delegate="libedgetpu.so.1"
    )
    assert runtime_options(Settings()).delegate is None


def test_a_clock_is_trusted_from_the_configured_day_on() -> None:
    policy = PolicySettings()
    clock = FakeClock(at=earliest_time(policy))
    assert is_after(clock, policy)
    clock.step_civil(timedelta(microseconds=-1))
    assert not is_after(clock, policy)


def test_without_networks_nothing_is_opened(tmp_path: Path) -> None:
    settings = decode_settings(f"[site]\nstate_folder = '{tmp_path}/state'\n".encode())
    with (
        pytest.raises(ModelMissingError),
        open_appliance(settings, clock=FakeClock(), door=FakeDoor(), audit=FakeAudit()),
    ):
        raise AssertionError("an appliance without networks must not open")
    assert not settings.collection_file.exists()


def test_an_appliance_is_whole_and_has_released_nothing(networks: Installed, tmp_path: Path) -> None:
    door, audit = FakeDoor(), FakeAudit()
    settings = settings_of(networks, tmp_path)
    with open_appliance(settings, clock=FakeClock(), door=door, audit=audit) as appliance:
        assert appliance.gallery.people == 0
        assert appliance.installed.profile == networks.profile
        assert appliance.audit is audit
    assert settings.collection_file.exists()
    assert door.releases == []
    assert door.indications == []


def test_a_goal_that_the_network_cannot_meet_is_refused_at_the_start(networks: Installed, tmp_path: Path) -> None:
    settings = settings_of(networks, tmp_path, "[recognition]\ntarget_fpir = 1e-9\n")
    with (
        pytest.raises(TargetUnreachableError, match="target_fpir"),
        open_appliance(settings, clock=FakeClock(), door=FakeDoor(), audit=FakeAudit()),
    ):
        raise AssertionError("a door that cannot meet its goal must not open")
