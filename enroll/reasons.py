"""Why somebody or a photo is not taken: in Amazon Rekognition's words where it has one, else in ours."""

from __future__ import annotations

from enum import StrEnum

from device.errors import (
    NoFaceError,
    PhotoError,
    PhotosDisagreeError,
    PhotoTooLargeError,
    PoorQualityError,
    SeveralFacesError,
)
from device.types import QualityIssue


class Reason(StrEnum):
    """Stable words of `lintel enroll import`. The first six are those of Rekognition's IndexFaces."""

    EXCEEDS_MAX_FACES = "EXCEEDS_MAX_FACES"
    EXTREME_POSE = "EXTREME_POSE"
    LOW_BRIGHTNESS = "LOW_BRIGHTNESS"
    LOW_SHARPNESS = "LOW_SHARPNESS"
    SMALL_BOUNDING_BOX = "SMALL_BOUNDING_BOX"
    LOW_FACE_QUALITY = "LOW_FACE_QUALITY"
    NO_FACE = "NO_FACE"
    PHOTO_UNREADABLE = "PHOTO_UNREADABLE"
    PHOTO_TOO_LARGE = "PHOTO_TOO_LARGE"
    PHOTOS_DISAGREE = "PHOTOS_DISAGREE"
    CONSENT_MISSING = "CONSENT_MISSING"
    LOOK_ALIKE = "LOOK_ALIKE"
    TAKEN = "TAKEN"
    ROW_UNREADABLE = "ROW_UNREADABLE"
    GALLERY_FULL = "GALLERY_FULL"


OF_ISSUE = {
    QualityIssue.TURNED_AWAY: Reason.EXTREME_POSE,
    QualityIssue.TOO_DARK: Reason.LOW_BRIGHTNESS,
    QualityIssue.BLURRED: Reason.LOW_SHARPNESS,
    QualityIssue.TOO_SMALL: Reason.SMALL_BOUNDING_BOX,
    QualityIssue.TOO_BRIGHT: Reason.LOW_FACE_QUALITY,
    QualityIssue.OCCLUDED: Reason.LOW_FACE_QUALITY,
    QualityIssue.CUT_OFF: Reason.LOW_FACE_QUALITY,
}


def reason_of(error: PhotoError) -> Reason:
    """The word for what is wrong with a photo; of several objections the first."""
    match error:
        case SeveralFacesError():
            return Reason.EXCEEDS_MAX_FACES
        case NoFaceError():
            return Reason.NO_FACE
        case PhotoTooLargeError():
            return Reason.PHOTO_TOO_LARGE
        case PhotosDisagreeError():
            return Reason.PHOTOS_DISAGREE
        case PoorQualityError(issues=issues):
            return OF_ISSUE[QualityIssue(issues[0])] if issues else Reason.LOW_FACE_QUALITY
        case _:
            return Reason.PHOTO_UNREADABLE
