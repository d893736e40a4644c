"""The running door: takes the newest frame, again and again, until it is told to stop."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TypeAlias

from device.app import Appliance
from device.audit.kinds import AuditKind
from device.camera.feed import CameraFeed, CameraLost, CameraRestored, FeedEnded
from device.errors import CameraError
from device.health import notify
from device.lending import CameraLease
from device.loop import Decided
from device.ports import Door
from device.types import Frame
from models.errors import ModelError

log = logging.getLogger(__name__)

ServiceNews: TypeAlias = Decided | CameraLost | CameraRestored

PATIENCE_S = 1.0  # how long to wait for a frame before looking whether to stop


class Service:
    """Runs the loop on a camera feed and records what happens to the camera. One thread, the caller's."""

    def __init__(
        self,
        appliance: Appliance,
        feed: CameraFeed,
        door: Door,
        *,
        tell: Callable[[ServiceNews, Frame | None], None],
        lease: CameraLease | None = None,  # None: the camera is lent to nobody
    ) -> None:
        self._appliance = appliance
        self._feed = feed
        self._door = door
        self._tell = tell
        self._newest: Frame | None = None
        self._lease = lease
        self._dropped = 0  # frames, of feeds before this one

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set or a recording ends.

        Raises ModelError, and CameraError for a recording that cannot be read or a camera thread that died, after
        recording the fault; AuditError when something cannot be recorded.
        """
        audit = self._appliance.audit
        audit.append(AuditKind.APPLIANCE_STARTED, self._describe())
        self._feed.start()
        self._door.indicate("ready")
        notify("READY=1")
        try:
            while not stop.is_set():
                if self._lease is not None and self._lease.is_lent:
                    self._lend(self._lease, stop)
                    continue
                item = self._feed.take(PATIENCE_S)
                if isinstance(item, FeedEnded):
                    _refuse_unreadable(item)
                    break
                self._take_in(item)
        except (ModelError, CameraError) as error:
            at = "vision" if isinstance(error, ModelError) else "camera"
            audit.append(AuditKind.FAULT, {"at": at, "fault": str(error), "door": "secured"})
            raise
        finally:
            notify("STOPPING=1")
            self._feed.close()
        self._conclude()
        audit.append(AuditKind.APPLIANCE_STOPPED, {"dropped_frames": self._dropped + self._feed.dropped})

    def _lend(self, lease: CameraLease, stop: threading.Event) -> None:
        """Let somebody who enrols have the camera. Nobody is looked at meanwhile, so nobody is let in."""
        self._feed.close()
        self._dropped += self._feed.dropped
        self._conclude()
        self._door.indicate("enrolling")
        lease.hand_over()
        while lease.is_lent and not stop.is_set():
            word = lease.wait(PATIENCE_S)
            if word is not None:
                self._door.indicate(word)
            notify("WATCHDOG=1")
        self._feed = self._feed.anew()
        self._feed.start()
        self._door.indicate("ready")

    def _conclude(self) -> None:
        """Whoever was still before the camera is not let in any more."""
        for decided in self._appliance.loop.conclude():
            self._tell(decided, self._newest)

    def _take_in(self, item: Frame | CameraLost | CameraRestored | None) -> None:
        match item:
            case Frame():
                self._newest = item
                for decided in self._appliance.loop.observe(item):
                    self._tell(decided, item)
            case CameraLost(fault=fault, retry_in_s=seconds):
                log.error("camera.lost", extra={"fault": fault, "retry_in_s": seconds})
                self._tell(item, None)
                self._appliance.audit.append(AuditKind.CAMERA_LOST, {"fault": fault, "retry_in_s": seconds})
                self._door.indicate("fault")
            case CameraRestored():
                log.info("camera.restored")
                self._tell(item, None)
                self._appliance.audit.append(AuditKind.CAMERA_RESTORED, {})
                self._door.indicate("ready")
            case None:
                pass
        notify("WATCHDOG=1")  # only after a complete pass; waiting for a camera that is gone is one, too

    def _describe(self) -> dict[str, object]:
        gallery = self._appliance.gallery
        threshold = gallery.refresh()
        return {
            "profile": self._appliance.installed.profile,
            "model": threshold.model_id,
            "threshold": round(threshold.score, 4),
            "fmr": threshold.fmr,
            "people": gallery.people,
            "references": gallery.references,
            "people_of_other_models": gallery.excluded_people,
        }


def _refuse_unreadable(ended: FeedEnded) -> None:
    if ended.fault is not None:
        raise ended.fault
