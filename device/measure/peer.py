"""The peer that speed is held against: what the `face_recognition` package does with a frame, run with its own parts.

Only here is dlib imported. It is used through the `dlib-bin` wheels of the `bench` extra.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from device.types import Image
from models.archives import download_archive, extract
from models.digest import require_digest, sha256_of
from models.errors import RuntimeMissingError
from models.manifest import Manifest
from models.progress import Progress

ARCHIVE = "face-recognition-models"  # in the manifest: the wheel that face_recognition itself installs
UPSAMPLED = 1  # face_recognition.face_locations' default number_of_times_to_upsample
JITTERS = 1  # face_recognition.face_encodings' default num_jitters
# File, bytes and sha256 inside the wheel. It holds the 68-point landmarks (`model="large"`); the five-point ones of
# later releases are a millisecond or two faster, out of some hundred.
LANDMARKS = (
    "shape_predictor_68_face_landmarks.dat",
    99693937,
    "fbdc2cb80eb9aa7a758672cbfdda32ba6300efe9b6e6c7a299ff7e736b11b92f",
)
ENCODER = (
    "dlib_face_recognition_resnet_model_v1.dat",
    22466066,
    "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
)


class FaceRecognitionPeer:
    """HOG detection, landmarks and 128-d encoding by dlib, in the order and with the defaults of face_recognition 1.3.

    One thread, as dlib's wheels are built. Raises RuntimeMissingError without dlib.
    """

    def __init__(self, folder: Path) -> None:
        """`folder` holds the two weight files."""
        try:
            import dlib
        except ImportError as error:
            raise RuntimeMissingError("dlib is not installed: install the `bench` extra") from error
        self.name = f"face_recognition's pipeline (HOG, 68 landmarks, 128-d encoding) on dlib {dlib.__version__}"
        self._detect: Any = dlib.get_frontal_face_detector()
        self._landmarks: Any = dlib.shape_predictor(str(folder / LANDMARKS[0]))
        self._encoder: Any = dlib.face_recognition_model_v1(str(folder / ENCODER[0]))

    def recognise(self, image: Image) -> int:
        """Find and encode the faces in `image`; how many there were."""
        rgb = np.ascontiguousarray(image[:, :, ::-1])
        boxes = self._detect(rgb, UPSAMPLED)
        encodings = [self._encoder.compute_face_descriptor(rgb, self._landmarks(rgb, box), JITTERS) for box in boxes]
        return len(encodings)


def is_peer_ready(folder: Path) -> bool:
    """Whether the weight files are in `folder`."""
    return all((folder / name).is_file() for name, _, _ in (LANDMARKS, ENCODER))


def fetch_peer(folder: Path, *, manifest: Manifest, progress: Progress) -> None:
    """Put the weight files into `folder`. Raises DownloadError and DigestError; nothing of the wheel is installed."""
    if is_peer_ready(folder):
        return
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder) as temporary:
        wheel = download_archive(manifest.archives[ARCHIVE], folder=Path(temporary), progress=progress)
        for name, size, digest in (LANDMARKS, ENCODER):
            content = extract(wheel, member=f"face_recognition_models/models/{name}", size=size)
            require_digest(sha256_of(content), expected=digest, name=name)
            partial = Path(temporary) / name
            partial.write_bytes(content)
            partial.replace(folder / name)
