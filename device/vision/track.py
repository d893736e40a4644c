"""Following faces from frame to frame, so that several frames can speak about one person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count

from device.config import DetectionSettings
from device.ports import FaceDetector, MeshFitter
from device.stopwatch import Stopwatch
from device.types import Box, Face, Frame, Mesh, TrackId
from device.vision.boxes import overlap
from device.vision.mesh import face_box, misfit

SAME_FACE = 0.3  # two boxes that share this much are one face; BlazeFace's own merging overlap
SMALLEST_STEP = 0.4  # a face that shares less than this with its own last box jumped: it may be someone else's
SETTLED = 0.08  # a mesh this near to where it was looked for, in box sides, shows the face as it is
FAST = 0.2  # a face that moved this far from one frame to the next, in box sides, is looked for anew
REFITS_AT_MOST = 3
SLID = 0.2  # a mesh this far from the detection's key points, in its heights, lies on another part of the face
RECHECK_S = 0.2  # faces that moved are detected again this soon: moving is when meshes slide
MISSES_ALLOWED = 1  # a mesh can hold on to something that is no face; detection must confirm it this soon
LONGEST_GAP_S = 1.5  # after a longer pause a face may be someone else's; a camera may deliver one frame a second
CROWDS_OUT = 1.5  # a newcomer must have this many times the area of a followed face to take its place


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """One face in the newest frame, and since when it has been followed without a gap."""

    id: TrackId
    box: Box  # as BlazeFace would draw it
    mesh: Mesh
    first_seen_at: float  # monotonic seconds


@dataclass(slots=True)
class _Followed:
    track: Track
    misses: int = 0


class FaceTracker:
    """Follows faces by their meshes; the detector rests while all of them are found again.

    Detection runs when nobody is followed, when a face was lost and every `redetect_every_s` to find newcomers. It also
    runs soon after a face moved, to put back a mesh that slid down its face. A face that jumps, that the mesh no longer
    believes in, or that detection does not confirm, ends its track, and a pause of the camera ends them all: the same
    person may come back, but under a new track that has to earn everything again.
    """

    def __init__(
        self, detector: FaceDetector, fitter: MeshFitter, settings: DetectionSettings, stopwatch: Stopwatch
    ) -> None:
        self._detector = detector
        self._fitter = fitter
        self._settings = settings
        self._stopwatch = stopwatch
        self._ids = count(1)
        self._followed: list[_Followed] = []
        self._detected_at: float | None = None
        self._compared_at = 0.0  # meshes with detections, capture time
        self._has_moved = False  # some face, since it was last compared with a detection
        self._seen_at = 0.0  # capture time of the newest frame, monotonic seconds

    def follow(self, frame: Frame) -> list[Track]:
        """The faces in `frame`, the largest first."""
        if frame.captured_at - self._seen_at > LONGEST_GAP_S:
            self._followed = []
        self._seen_at = frame.captured_at
        before = len(self._followed)
        found_again = [found for old in self._followed if (found := self._again(old, frame)) is not None]
        self._followed = _without_doubles(found_again)
        if len(self._followed) < max(1, before) or self._is_detection_due(frame):
            self._detect(frame)
        elif self._has_moved and frame.captured_at - self._compared_at >= RECHECK_S:
            self._compare(self._search(frame), frame)
        self._followed.sort(key=_area, reverse=True)
        return [followed.track for followed in self._followed]

    def drop(self, track: TrackId) -> None:
        """Forget a track, so that its face comes back under a new one."""
        self._followed = [followed for followed in self._followed if followed.track.id != track]

    def _is_detection_due(self, frame: Frame) -> bool:
        return self._detected_at is None or frame.captured_at - self._detected_at >= self._settings.redetect_every_s

    def _again(self, old: _Followed, frame: Frame) -> _Followed | None:
        """The same face in the next frame, or None when it is lost."""
        mesh = self._settle(frame, old.track.mesh)
        if mesh is None or not mesh.presence >= self._settings.min_presence:
            return None
        box = face_box(mesh)
        if overlap(box, old.track.box) < SMALLEST_STEP:
            return None
        return _Followed(Track(old.track.id, box, mesh, old.track.first_seen_at), old.misses)

    def _settle(self, frame: Frame, before: Mesh) -> Mesh | None:
        """The mesh of a face that may have moved, or None when it is lost.

        A mesh lags behind a face that has left its region, and looks as if the face had changed its shape. So it is
        fitted again from its own result until it stays put, and anew from a detection when the face moved fast.
        """
        box = face_box(before)
        with self._stopwatch.measure("mesh"):
            mesh = self._fitter.fit(frame.image, before)
        for _ in range(REFITS_AT_MOST):
            found = face_box(mesh)
            shift = _shift(box, found)
            if shift <= SETTLED:
                return mesh
            self._has_moved = True
            start: Face | Mesh | None = mesh if shift <= FAST else self._detection_near(frame, found)
            if start is None:
                return None
            box = start.box if isinstance(start, Face) else found
            with self._stopwatch.measure("mesh"):
                mesh = self._fitter.fit(frame.image, start)
        return mesh

    def _detection_near(self, frame: Frame, box: Box) -> Face | None:
        return _nearest(self._search(frame), box)

    def _search(self, frame: Frame) -> list[Face]:
        with self._stopwatch.measure("detect"):
            return self._detector.detect(frame.image)

    def _detect(self, frame: Frame) -> None:
        """Look for newcomers, and confirm those who are followed."""
        self._detected_at = frame.captured_at
        faces = self._search(frame)
        for followed in self._followed:
            is_seen = _nearest(faces, followed.track.box) is not None
            followed.misses = 0 if is_seen else followed.misses + 1
        self._followed = [followed for followed in self._followed if followed.misses <= MISSES_ALLOWED]
        self._compare(faces, frame)
        for face in sorted(faces, key=lambda found: -found.box.area):
            if any(overlap(face.box, followed.track.box) >= SAME_FACE for followed in self._followed):
                continue
            if not self._has_room_for(face):
                return
            with self._stopwatch.measure("mesh"):
                mesh = self._fitter.fit(frame.image, face)
            if mesh.presence >= self._settings.min_presence:
                track = Track(TrackId(next(self._ids)), face_box(mesh), mesh, frame.captured_at)
                self._followed.sort(key=_area, reverse=True)
                self._followed[self._settings.max_faces - 1 :] = [_Followed(track)]

    def _compare(self, faces: Sequence[Face], frame: Frame) -> None:
        """Fit the meshes that slid to mouth and chin, and still pass for a face, from the detections instead."""
        self._compared_at, self._has_moved = frame.captured_at, False
        kept = []
        for followed in self._followed:
            seen = _nearest(faces, followed.track.box)
            if seen is not None and misfit(followed.track.mesh, seen) > SLID:
                with self._stopwatch.measure("mesh"):
                    mesh = self._fitter.fit(frame.image, seen)
                if overlap(face_box(mesh), followed.track.box) < SMALLEST_STEP:
                    continue  # a jump: this may be someone else's face
                if mesh.presence >= self._settings.min_presence:
                    followed.track = replace(followed.track, mesh=mesh, box=face_box(mesh))
            kept.append(followed)
        self._followed = kept

    def _has_room_for(self, face: Face) -> bool:
        """Faces of passers-by or on a poster must not keep a person who stands before them from being seen."""
        if len(self._followed) < self._settings.max_faces:
            return True
        return face.box.area >= CROWDS_OUT * min(map(_area, self._followed))


def _area(followed: _Followed) -> float:
    return followed.track.box.area


def _nearest(faces: Sequence[Face], box: Box) -> Face | None:
    """The detection of the face in `box`, or None when there is none."""
    nearest = max(faces, key=lambda face: overlap(face.box, box), default=None)
    return nearest if nearest is not None and overlap(nearest.box, box) >= SAME_FACE else None


def _shift(before: Box, after: Box) -> float:
    """How far the centre moved or the side grew or shrank, whichever is more, in sides of the first box."""
    (x0, y0), (x1, y1) = before.centre, after.centre
    return max(abs(x1 - x0), abs(y1 - y0), abs(after.height - before.height)) / before.height


def _without_doubles(followed: list[_Followed]) -> list[_Followed]:
    """Two tracks that slid onto one face are one: the older stays."""
    kept: list[_Followed] = []
    for one in sorted(followed, key=lambda candidate: candidate.track.id):
        if all(overlap(one.track.box, other.track.box) < SAME_FACE for other in kept):
            kept.append(one)
    return kept
