"""What the appliance needs from the world, each port as small as its use. Fakes are peers of the real things."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from device.types import Box, Face, Frame, Image, Mesh, ModelId, PersonFacts, PersonId, SearchOutcome, Template


class Camera(Protocol):
    """Where frames come from."""

    def frames(self) -> Iterator[Frame]:
        """Yield frames as they are taken. Ends when a recording ends; raises CameraError when a camera vanishes."""
        ...

    def close(self) -> None:
        """Let the device go; harmless when repeated."""
        ...


class FaceDetector(Protocol):
    """Finds faces in a frame."""

    def detect(self, image: Image) -> list[Face]:
        """Every face in `image`, the surest first."""
        ...


class MeshFitter(Protocol):
    """Fits the 468-point mesh to one face."""

    def fit(self, image: Image, eyes_and_box: Face | Mesh) -> Mesh:
        """The mesh of the face that a detection, or the mesh of the frame before, points at."""
        ...


class TemplateExtractor(Protocol):
    """Turns a face into a template."""

    @property
    def model_id(self) -> ModelId:
        """The model whose templates these are."""
        ...

    def extract(self, image: Image, mesh: Mesh) -> Template:
        """The template of the face under `mesh`."""
        ...


class Gallery(Protocol):
    """The people to search among, always as new as the collection."""

    def search(self, probe: Template) -> SearchOutcome:
        """Compare `probe` with everyone, one to many. Raises ModelMismatchError for a probe of another model."""
        ...

    def facts(self, person: PersonId) -> PersonFacts | None:
        """What the rules need to know of `person`; None when no longer enrolled."""
        ...


class Audit(Protocol):
    """The append-only record of what happened."""

    def append(self, kind: str, facts: Mapping[str, object]) -> int:
        """Commit one event durably and return its sequence number. Raises AuditError when it cannot be recorded."""
        ...


class Door(Protocol):
    """The door daemon, seen from the appliance."""

    def release(self, *, duration_s: float, audit_sequence: int, captured_at: float) -> None:
        """Release the lock for `duration_s` seconds because of audit row `audit_sequence`.

        `captured_at` is the capture time of the newest frame behind the decision, in monotonic seconds.
        Raises CommandRefusedError when the daemon refuses: nothing was released. Raises DoorUnreachableError when no
        answer came: whether the lock was released is then told by the daemon's own events only.
        """
        ...

    def indicate(self, indication: str) -> None:
        """Show the person one of the door's indications; never raises for an unreachable daemon."""
        ...


class Lamps(Protocol):
    """The door's light emitters."""

    def emit_light(self, flashes: Sequence[str], *, step_s: float) -> float:
        """Flash a code, one emitter's name, "a+b" or "dark" each `step_s` seconds; when it began, monotonic seconds.

        Raises BridgeError when the daemon refuses or cannot be reached.
        """
        ...


class TextureScorer(Protocol):
    """Tells skin from paper and screens, one frame at a time."""

    def bona_fide_score(self, image: Image, box: Box) -> float:
        """How much the face in `box`, as BlazeFace draws it, looks live, in [0, 1]."""
        ...
