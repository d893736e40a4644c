"""A template from one still photo, or the reason why not."""

from __future__ import annotations

from dataclasses import dataclass

from device.errors import NoFaceError, PoorQualityError, SeveralFacesError
from device.ports import FaceDetector, MeshFitter, TemplateExtractor
from device.types import Face, Image, Mesh, Quality, Template
from device.vision.quality import QualityGate

BYSTANDER = 0.25  # a second face smaller than this share of the first, by area, is somebody in the background


@dataclass(frozen=True, slots=True)
class Still:
    """What a photo that is good enough to enrol from gave."""

    template: Template
    quality: Quality
    mesh: Mesh  # where in the photo the face is


class StillExtractor:
    """Finds the one face of a photo, judges it as the door would, and extracts its template."""

    def __init__(
        self, detectors: tuple[FaceDetector, ...], fitter: MeshFitter, gate: QualityGate, extractor: TemplateExtractor
    ) -> None:
        self._detectors = detectors  # tried in order until one finds a face
        self._fitter = fitter
        self._gate = gate
        self._extractor = extractor

    def extract(self, image: Image) -> tuple[Template, Quality]:
        """The template of the only face in `image`, (height, width, 3) uint8 BGR, and its quality.

        Raises NoFaceError, SeveralFacesError, or PoorQualityError naming every objection.
        """
        still = self.examine(image)
        return still.template, still.quality

    def examine(self, image: Image) -> Still:
        """The same, with the mesh of the face. Raises as `extract` does."""
        mesh = self.locate(image)
        quality = self._gate.judge(image, mesh)
        if not quality.is_sufficient:
            issues = ", ".join(issue.replace("_", " ") for issue in quality.issues)
            raise PoorQualityError(f"the face is {issues}", issues=quality.issues)
        return Still(self._extractor.extract(image, mesh), quality, mesh)

    def locate(self, image: Image) -> Mesh:
        """The mesh of the only face in `image`. Raises NoFaceError or SeveralFacesError."""
        return self._fitter.fit(image, self._only_face(image))

    def _only_face(self, image: Image) -> Face:
        for detector in self._detectors:
            faces = sorted(detector.detect(image), key=lambda face: -face.box.area)
            if not faces:
                continue
            if len(faces) > 1 and faces[1].box.area >= BYSTANDER * faces[0].box.area:
                raise SeveralFacesError(f"{len(faces)} faces, so it is not clear whose it is")
            return faces[0]
        raise NoFaceError("no face was found")
