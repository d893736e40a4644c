from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np
import pytest
from builders import MODEL, make_image, make_mesh, make_template
from hypothesis import given
from hypothesis import strategies as st
from scripted_network import ScriptedNetwork

from device.app import template_card
from device.measure.simulate.portraits import eileen_collins, grace_hopper
from device.types import ModelId, Pose, Template
from device.vision.enrolment import StillExtractor
from device.vision.template import AlignedExtractor, fuse
from models.card import ModelCard
from models.errors import InferenceError, ManifestError
from models.manifest import Precision, read_manifest
from models.store import Installed

NETWORK = read_manifest().networks["mobilefacenet"]


def card(**changes: Any) -> ModelCard:
    return ModelCard("tiny", msgspec.structs.replace(NETWORK, **changes), Precision.FLOAT, "0" * 64, "for a test")


def answering(*numbers: float) -> ScriptedNetwork:
    vector = np.zeros(128, np.float32)
    vector[: len(numbers)] = numbers
    return ScriptedNetwork(vector[None])


def test_a_template_has_unit_length_and_the_networks_name() -> None:
    template = AlignedExtractor(answering(3.0, 4.0), card()).extract(make_image(), make_mesh())
    assert template.vector[:3] == pytest.approx([0.6, 0.8, 0.0])
    assert template.model_id == NETWORK.model_id == AlignedExtractor(answering(), card()).model_id


def test_a_template_outlives_the_next_answer_of_the_network() -> None:
    network = answering(3.0, 4.0)
    template = AlignedExtractor(network, card()).extract(make_image(), make_mesh())
    network.answers[0][:] = 9.0
    assert template.vector[:2] == pytest.approx([0.6, 0.8])


@pytest.mark.parametrize("numbers", [(0.0,), (math.nan, 1.0), (math.inf, 1.0)])
def test_an_answer_without_direction_is_a_fault_of_the_network(numbers: tuple[float, ...]) -> None:
    with pytest.raises(InferenceError, match=NETWORK.model_id):
        AlignedExtractor(answering(*numbers), card()).extract(make_image(), make_mesh())


@pytest.mark.parametrize("pose", [Pose(0, 0, 0), Pose(0, 0, 30)])
@pytest.mark.parametrize("width", [60.0, 200.0])
def test_the_network_sees_every_face_laid_out_as_it_learned(pose: Pose, width: float) -> None:
    """A dark spot on the left mouth corner lands on that corner's target."""
    mesh = make_mesh(centre=(300, 260), width=width, pose=pose)
    image = np.full((480, 640, 3), 255, np.uint8)
    x, y = mesh.points[291, :2].round().astype(int)
    reach = round(width / 30)
    image[y - reach : y + reach + 1, x - reach : x + reach + 1] = 0
    network = answering(1.0)
    AlignedExtractor(network, card()).extract(image, mesh)
    dark = np.argwhere(network.seen[0][0, 0] < 0).mean(axis=0)
    assert dark == pytest.approx(NETWORK.alignment.targets_px[4][::-1], abs=3.0)  # type: ignore[union-attr]


@pytest.mark.parametrize(("colour", "first"), [("RGB", 30), ("BGR", 200)])
def test_pixels_come_in_the_networks_colour_order_and_scale(colour: str, first: int) -> None:
    spec = msgspec.structs.replace(NETWORK.input, colour=colour, mean=(10.0, 20.0, 30.0), std=(2.0, 4.0, 8.0))
    network = answering(1.0)
    image = np.zeros((480, 640, 3), np.uint8)
    image[:] = (200, 100, 30)  # blue, green, red
    AlignedExtractor(network, card(input=spec)).extract(image, make_mesh())
    (tensor,) = network.seen
    assert tensor.shape == NETWORK.input.shape
    last = 230 - first
    assert tensor[0, :, 56, 56] == pytest.approx([(first - 10) / 2, (100 - 20) / 4, (last - 30) / 8])


@pytest.mark.parametrize(
    "changes",
    [
        {"alignment": None},
        {"input": msgspec.structs.replace(NETWORK.input, layout="NHWC", shape=(1, 112, 112, 3))},
        {"input": msgspec.structs.replace(NETWORK.input, shape=(1, 3, 112, 96))},
    ],
    ids=["no alignment", "NHWC", "not square"],
)
def test_a_network_that_takes_no_aligned_face_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ManifestError, match="tiny"):
        AlignedExtractor(answering(), card(**changes))


numbers = st.floats(-1, 1, width=32)
weights = st.floats(0.01, 1.0)


@st.composite
def weighted(draw: st.DrawFn) -> tuple[list[Template], list[float]]:
    """Templates in one half space, as those of one face are, so that they cannot cancel out."""
    templates = []
    for _ in range(draw(st.integers(1, 8))):
        vector = np.array([2.0, *draw(st.lists(numbers, min_size=5, max_size=5))])
        templates.append(Template((vector / np.linalg.norm(vector)).astype(np.float32), MODEL))
    return templates, [draw(weights) for _ in templates]


@given(weighted())
def test_fused_templates_have_unit_length(case: tuple[list[Template], list[float]]) -> None:
    fused = fuse(*case)
    assert float(np.linalg.norm(fused.vector)) == pytest.approx(1.0, abs=1e-5)
    assert fused.model_id == MODEL


@given(weighted(), st.randoms(use_true_random=False))
def test_the_order_of_frames_does_not_matter(case: tuple[list[Template], list[float]], random: Any) -> None:
    pairs = list(zip(*case, strict=True))
    random.shuffle(pairs)
    shuffled = fuse([template for template, _ in pairs], [weight for _, weight in pairs])
    assert shuffled.vector == pytest.approx(fuse(*case).vector, abs=1e-5)


@given(weighted(), st.floats(0.1, 10))
def test_only_the_proportion_of_weights_matters(case: tuple[list[Template], list[float]], factor: float) -> None:
    templates, given_weights = case
    scaled = fuse(templates, [weight * factor for weight in given_weights])
    assert scaled.vector == pytest.approx(fuse(templates, given_weights).vector, abs=1e-5)


@given(weighted())
def test_a_frame_given_twice_counts_twice(case: tuple[list[Template], list[float]]) -> None:
    templates, given_weights = case
    twice = fuse([*templates, templates[0]], [*given_weights, given_weights[0]])
    heavier = fuse(templates, [2 * given_weights[0], *given_weights[1:]])
    assert twice.vector == pytest.approx(heavier.vector, abs=1e-5)


def test_one_template_fused_is_itself() -> None:
    template = make_template(1)
    assert fuse([template], [0.3]).vector == pytest.approx(template.vector, abs=1e-6)


def test_a_heavier_frame_pulls_the_mean_towards_it() -> None:
    one, other = make_template(1), make_template(2)
    fused = fuse([one, other], [0.9, 0.1])
    assert float(fused.vector @ one.vector) > 0.95 > float(fused.vector @ other.vector)


def test_templates_of_two_models_are_never_fused() -> None:
    with pytest.raises(ValueError, match="one model"):
        fuse([make_template(1), make_template(2, model_id=ModelId("model-b"))], [0.5, 0.5])


def test_nothing_and_what_cancels_out_cannot_be_fused() -> None:
    with pytest.raises(ValueError, match="one model"):
        fuse([], [])
    template = make_template(1)
    with pytest.raises(ValueError, match="direction"):
        fuse([template, Template(-template.vector, MODEL)], [0.5, 0.5])


def test_the_installed_network_knows_a_face_again_and_tells_two_people_apart(
    networks: Installed, stills: StillExtractor
) -> None:
    grace, eileen = grace_hopper(), eileen_collins()
    elsewhere = (0.7 * np.roll(grace, 9, axis=1)).astype(np.uint8)
    one, same, other = (stills.extract(image)[0] for image in (grace, elsewhere, eileen))
    threshold = next(point.threshold for point in template_card(networks).operating_points if point.fmr <= 1e-4)
    assert float(one.vector @ same.vector) > threshold + 0.02
    assert float(one.vector @ other.vector) < threshold - 0.02
