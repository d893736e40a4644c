"""One still photo in: a template, or the reason why not."""

from __future__ import annotations

import numpy as np
import pytest
from builders import make_face, make_image, make_mesh, make_template
from fakes import FakeDetector, FakeExtractor, FakeFitter

from device.config import QualitySettings
from device.errors import NoFaceError, PhotoError, PoorQualityError, SeveralFacesError
from device.measure.simulate.portraits import eileen_collins, grace_hopper
from device.types import Box, Face
from device.vision.enrolment import BYSTANDER, StillExtractor
from device.vision.mesh import face_box
from device.vision.quality import QualityGate

SIDE = 150.0


def extractor(*detectors: FakeDetector, fitter: FakeFitter | None = None) -> StillExtractor:
    gate = QualityGate(QualitySettings())
    return StillExtractor(detectors, fitter or FakeFitter(), gate, FakeExtractor(make_template(7)))


def beside(share: float) -> Face:
    """A second face with this share of the first one's area."""
    side = SIDE * share**0.5
    return make_face(Box(480, 100, side, side), score=0.99)


def test_the_one_face_of_a_photo_gives_a_template_and_its_quality() -> None:
    template, quality = extractor(FakeDetector(make_face())).extract(make_image())
    assert template.vector == pytest.approx(make_template(7).vector)
    assert quality.is_sufficient


def test_a_photo_without_a_face_is_refused() -> None:
    with pytest.raises(NoFaceError, match="no face"):
        extractor(FakeDetector(), FakeDetector()).extract(make_image())


def test_the_second_detector_is_asked_only_when_the_first_finds_nobody() -> None:
    far = FakeDetector(make_face())
    extractor(FakeDetector(), far).extract(make_image())
    assert far.calls == 1
    extractor(FakeDetector(make_face()), far).extract(make_image())
    assert far.calls == 1


def test_two_people_are_refused_and_counted() -> None:
    with pytest.raises(SeveralFacesError, match="2 faces"):
        extractor(FakeDetector(make_face(), beside(BYSTANDER + 0.01))).extract(make_image())


def test_somebody_small_in_the_background_is_passed_over() -> None:
    """Whichever of the two the detector is surer of."""
    fitter = FakeFitter()
    extractor(FakeDetector(beside(BYSTANDER - 0.01), make_face()), fitter=fitter).extract(make_image())
    (start,) = fitter.starts
    assert isinstance(start, Face)
    assert start.box == make_face().box


def test_a_poor_photo_is_refused_with_every_objection_in_words() -> None:
    with pytest.raises(PoorQualityError, match="too small, blurred") as caught:
        extractor(FakeDetector(make_face()), fitter=FakeFitter(lambda _: make_mesh(width=40))).extract(
            make_image(grain=0)
        )
    assert isinstance(caught.value, PhotoError)
    assert "_" not in str(caught.value)


def test_a_face_can_be_located_in_a_photo_that_is_too_poor_to_enrol() -> None:
    mesh = extractor(FakeDetector(make_face())).locate(make_image(level=3, grain=1))
    assert face_box(mesh).width > 0


def test_portraits_can_be_enrolled_with_the_installed_networks(stills: StillExtractor) -> None:
    for portrait in (grace_hopper(), eileen_collins()):
        template, quality = stills.extract(portrait)
        assert float(np.linalg.norm(template.vector)) == pytest.approx(1.0, abs=1e-4)
        assert quality.issues == ()


def test_the_installed_networks_see_two_people_side_by_side_and_nobody_in_noise(stills: StillExtractor) -> None:
    closer = np.repeat(np.repeat(eileen_collins()[:256, 100:356], 2, axis=0), 2, axis=1)
    both = np.concatenate([grace_hopper()[:512, :512], closer], axis=1)
    with pytest.raises(SeveralFacesError):
        stills.extract(both)
    with pytest.raises(NoFaceError):
        stills.extract(make_image(grain=100))
