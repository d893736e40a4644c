"""Solid or flat: does the face move like a head, or like a sheet, flat or bent?

Two measures must agree. The mesh says how far the nose moved against the rest (`depth`); the picture itself says what
share of its motion that is (`solidity`). What it stops: prints, flat or bent in any way a sheet of paper bends, and
screens that show a still. What it cannot: a screen that replays a turning head looks exactly like the head, and so do a
mask and a print folded into a face; a person who holds still gives nothing to measure.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

from device.config import LivenessSettings
from device.liveness.canonical import Floats, relief, rigid_points
from device.liveness.flow import ImageMotion, follow
from device.liveness.view import View, look_at
from device.types import Image, Mesh

VIEWS_KEPT = 14  # earlier views to compare with, those that differ most
VIEW_EVERY = 3  # frames; sooner when the mesh changed by APART
APART = 0.02  # eye distances
FLOW_EVERY = 2  # frames; a motion takes longer, and following pixels costs more than all else here
FLOW_ANYWAY = 6  # frames after which a motion that promises less than those that are known is looked at, too
MOTIONS_KEPT = 7  # the largest decide together: small ones are mostly noise
MOTIONS_AT_LEAST = 6  # a live head's first ones looked like a sheet's at times
WITNESSES = 2  # earlier views that must have seen a motion of the mesh
ALIKE_FOR_MESH = 0.35  # likeness of views of one face turned by 30 degrees; a mesh that slid stays under 0.25
ALIKE_FOR_FLOW = 0.65  # below, too little of the picture can be followed
STIRRED = 0.022  # eye distances the mesh must have changed before the picture is looked at; its noise is 0.015


class Shape(Enum):
    """What the motion so far says about the thing in front of the camera."""

    SOLID = "solid"  # moves like a head
    FLAT = "flat"  # moves, but like a sheet, flat or bent
    UNKNOWN = "unknown"  # has not moved enough to tell


@dataclass(frozen=True, slots=True)
class Motion:
    """What is known of how a face moved."""

    depth: float  # eye distances: the largest motion of the mesh's relief against a sheet
    change: float  # eye distances: how far the picture changed its shape, median of the largest motions
    solidity: float  # [0, 1] the share of that change which follows the relief of a face
    remainder: float  # [0, 1] the share which no sheet that moves and flexes explains

    def shape(self, settings: LivenessSettings) -> Shape:
        """A head has depth and the picture agrees; a sheet moves, has no depth, and a sheet explains how it moved."""
        if self.depth >= settings.min_depth:
            return Shape.SOLID if self.solidity >= settings.min_solidity else Shape.UNKNOWN
        moved = self.change >= settings.min_change
        as_a_sheet = self.solidity <= settings.max_flat_solidity and self.remainder <= settings.max_flat_remainder
        is_shallow = self.depth <= settings.max_flat_depth * self.change
        return Shape.FLAT if moved and as_a_sheet and is_shallow else Shape.UNKNOWN


class Solidity:
    """Accumulates over one track what its motion says."""

    def __init__(self) -> None:
        self._newest: View | None = None
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._views: list[View] = []
        self._frames = 0
        self._followed_at = -FLOW_ANYWAY  # the frame whose picture was followed last
        self._largest_change = 0.0
        self._depth = 0.0
        self._motions: list[tuple[float, ImageMotion]] = []  # with the change of the mesh; the largest first

    @property
    def motion(self) -> Motion:
        """What is known so far."""
        if len(self._motions) < MOTIONS_AT_LEAST:
            return Motion(self._depth, 0.0, 0.0, 1.0)
        changes = [one.change for _, one in self._motions]
        total = max(sum(changes), 1e-9)
        return Motion(
            depth=self._depth,
            change=float(np.median(changes)),
            solidity=sum(one.relief for _, one in self._motions) / total,
            remainder=sum(one.remainder for _, one in self._motions) / total,
        )

    def observe(self, image: Image, mesh: Mesh) -> None:
        """Compare the newest frame of the track with its earlier views."""
        self.compare(look_at(image, mesh))

    def compare(self, view: View) -> None:
        """The same for a view that was made already."""
        if self._newest is not None and view.likeness(self._newest) < ALIKE_FOR_MESH:
            self._begin_anew()  # from one frame to the next no face changes so: one of the two meshes was no face's
        self._newest = view
        if not self._views:
            self._views.append(view)
        else:
            self._weigh(view)
        self._frames += 1

    def _weigh(self, view: View) -> None:
        likeness = np.array([view.likeness(earlier) for earlier in self._views])
        changes = mesh_changes(np.stack([earlier.points for earlier in self._views]), view.points)
        self._weigh_mesh(view, changes, likeness)
        self._weigh_picture(view, changes, likeness)
        if self._frames % VIEW_EVERY == 0 or changes.min() >= APART:
            self._keep(view)

    def _keep(self, view: View) -> None:
        """Add a view; of too many the two most similar give up the older."""
        self._views.append(view)
        if len(self._views) <= VIEWS_KEPT:
            return
        points = np.stack([kept.points for kept in self._views])
        apart = np.stack([mesh_changes(points, one) for one in points])
        np.fill_diagonal(apart, np.inf)
        del self._views[min(divmod(int(apart.argmin()), len(points)))]

    def _weigh_mesh(self, view: View, changes: Floats, likeness: Floats) -> None:
        """The view of second most change is believed: one in which the mesh did not fit is not."""
        seen = np.flatnonzero(likeness >= ALIKE_FOR_MESH)
        if len(seen) < WITNESSES:
            return
        witness = seen[np.argsort(changes[seen])[-WITNESSES]]
        if changes[witness] > self._largest_change:
            self._largest_change = float(changes[witness])
            self._depth = relief_motion(self._views[witness], view)

    def _weigh_picture(self, view: View, changes: Floats, likeness: Floats) -> None:
        """Follow the picture from the view of most change, unless that promises nothing new."""
        seen = np.flatnonzero((likeness >= ALIKE_FOR_FLOW) & (changes >= STIRRED))
        rested = self._frames - self._followed_at
        if len(seen) == 0 or rested < FLOW_EVERY:
            return
        earlier = seen[np.argmax(changes[seen])]
        change = float(changes[earlier])
        if len(self._motions) == MOTIONS_KEPT and change < self._motions[-1][0] and rested < FLOW_ANYWAY:
            return
        self._followed_at = self._frames
        moved = follow(self._views[earlier], view)
        if moved is not None:
            self._motions = sorted([*self._motions, (change, moved)], key=lambda one: -one[1].change)[:MOTIONS_KEPT]


def mesh_changes(earlier: Floats, now: Floats) -> Floats:
    """How far the points (n, 2) of `now` lie from each of `earlier` (v, n, 2) after the best similarity: (v,) rms."""
    p = earlier[..., 0] + 1j * earlier[..., 1]
    q = now[:, 0] + 1j * now[:, 1]
    turn = (p.conj() @ q) / (np.abs(p) ** 2).sum(axis=-1)
    changes: Floats = np.sqrt((np.abs(turn[:, None] * p - q) ** 2).mean(axis=-1))
    return changes


def relief_motion(before: View, now: View) -> float:
    """How far the relief of the mesh moved against the sheet that fits the rest, in eye distances.

    A matched filter: what no quadratic motion of the points explains, projected on the relief of the mean face.
    """
    expected = relief()[rigid_points()]
    rest = before.off_sheet @ now.points
    along = (rest * (expected / np.sqrt((expected**2).mean()))[:, None]).mean(axis=0)
    return float(np.hypot(*along))
