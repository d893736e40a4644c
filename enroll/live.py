"""Enrolling at a camera: frames go through the observer into the session, and what it wants done is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from msgspec.structs import replace as with_changes

from device.audit.kinds import AuditKind
from device.collection.people import Consent, Newcomer
from device.config import LivenessSettings, Settings
from device.errors import AttackShownError, CameraError, EnrolmentError, EnrolmentStalledError, LookAlikeError
from device.ports import Lamps
from device.types import Frame, Match, PersonId
from enroll.guide_words import REFUSALS, SAID
from enroll.session import Finding, Ready, Refusal, Refused, Session, SessionRules, Stage

if TYPE_CHECKING:
    from device.collection.gallery import Gallery
    from device.policy.threshold import ThresholdPolicy
    from device.registry import Registry
    from enroll.guide_screen import Screen
    from enroll.observer import Observer
    from enroll.trial import Trial

WORD_AGAIN_S = 2.0  # the lamps forget what nobody asks for any more


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Who is to be enrolled, and what an administrator decided beforehand."""

    name: str
    consent: Consent
    external_id: str | None = None
    groups: tuple[str, ...] = ()
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    is_another: Callable[[str], bool] = lambda _: False  # asked with a sentence about somebody who looks alike


@dataclass(frozen=True, slots=True)
class Station:
    """The place where the person stands."""

    frames: Iterator[Frame]
    indicate: Callable[[str], None]  # shows a word by the door's lamps
    lamps: Lamps | None = None  # light emitters that liveness may use


class LiveEnrolment:
    """One run from the first frame to the committed record, or to nothing."""

    def __init__(self, settings: Settings, registry: Registry, screen: Screen) -> None:
        """Raises ModelError when networks are missing, TargetUnreachableError when five more cannot be served."""
        from device.app import build_thresholds
        from device.collection.gallery import Gallery
        from models.store import ModelStore

        self._settings, self._registry, self._screen = settings, registry, screen
        installed = ModelStore(settings.models_folder).installed()
        self._installed = installed
        self._thresholds: ThresholdPolicy = build_thresholds(settings, installed)
        self._gallery: Gallery = Gallery(registry.collection, thresholds=self._thresholds)
        self._thresholds.choose(self._gallery.references + 5)
        self._indicated: tuple[str, float] = ("", 0.0)

    def run(self, request: Request, open_station: Callable[[], AbstractContextManager[Station]]) -> PersonId:
        """Enrol, and return the new id.

        Raises EnrolmentError's leaves and LookAlikeError for whoever is not enrolled, after recording that; CameraError
        for a camera that ends or vanishes. Nobody is written down then.
        """
        from device.app import build_vision
        from device.stopwatch import Stopwatch
        from device.vision.warmup import warm_up
        from enroll.observer import Observer

        vision = build_vision(self._settings, self._installed, Stopwatch())
        warm_up(vision.gate, vision.extractor, vision.texture)  # not while somebody waits before the camera
        session = Session(self._rules())
        session.agree()
        with open_station() as station:
            observer = Observer(vision, at_least_cooperative(self._settings.liveness), lamps=station.lamps)
            self._play(session, observer, station, request)
            outcome = session.outcome
            if isinstance(outcome, Ready):
                person = self._commit(request, outcome, observer)
                station.indicate("enrolled")
                return person
            station.indicate("denied")
        assert isinstance(outcome, Refused)  # noqa: S101 (the play ends with an outcome)
        raise self._recorded(outcome)

    def _play(self, session: Session, observer: Observer, station: Station, request: Request) -> None:
        trial: Trial | None = None
        for frame in station.frames:
            found = observer.look(frame, may_ask=session.needs_liveness)
            session.observe(self._searched(found, observer, trial))
            self._tell(session, station, frame)
            if session.stage is Stage.CHECK:
                trial = self._check(session, request, at=frame.captured_at)
                observer.begin_visit()
            if session.stage is Stage.ENDED:
                return
        raise CameraError("the recording or the camera ended before the enrolment was complete; nobody is enrolled")

    def _searched(self, found: Finding, observer: Observer, trial: Trial | None) -> Finding:
        if trial is None or found.frames == 0:
            return found
        return replace(found, search=trial.search(observer.probe(), enrolled=self._gallery.references))

    def _check(self, session: Session, request: Request, *, at: float) -> Trial:
        """Look whether somebody enrolled is too near; the session goes on when nobody is, or by a person's word."""
        from enroll.trial import Trial

        for reference in session.references:
            found = self._gallery.search(reference.template)
            if not isinstance(found, Match):
                continue
            name = self._registry.collection.find(found.person).name
            sentence = f"This face is near {name}, score {found.score:.2f} ≥ {found.threshold.score:.2f}"
            self._screen.clear_preview()
            if request.is_another(sentence):
                break
            session.refuse(Refusal.LOOK_ALIKE)
            self._recorded(Refused(Refusal.LOOK_ALIKE, session.word))
            raise LookAlikeError(f"{sentence}; nobody is enrolled; add --allow-duplicate if these are two people")
        session.admit_newcomer(at=at)
        return Trial(self._gallery, session.references, thresholds=self._thresholds)

    def _tell(self, session: Session, station: Station, frame: Frame) -> None:
        word = self._screen.show(session, frame)
        if word is None:
            return
        shown, at = self._indicated
        if SAID[word][1] != shown or frame.captured_at - at >= WORD_AGAIN_S:
            self._indicated = (SAID[word][1], frame.captured_at)
            station.indicate(SAID[word][1])

    def _commit(self, request: Request, ready: Ready, observer: Observer) -> PersonId:
        photos = (observer.keepsake(),) if self._settings.enrolment.keep_photos else ()
        newcomer = Newcomer(
            name=request.name,
            references=ready.references,
            consent=request.consent,
            external_id=request.external_id,
            groups=request.groups,
            valid_from=request.valid_from,
            valid_until=request.valid_until,
            photos=photos,
        )
        return self._registry.enrol(newcomer, how="live")

    def _recorded(self, refused: Refused) -> EnrolmentError:
        """The error for a refusal, which the audit holds then."""
        self._registry.audit.append(AuditKind.PERSON_REFUSED, {"how": "live", "reason": refused.reason.value})
        sentence = REFUSALS[refused.reason]
        if refused.reason is Refusal.ATTACK:
            return AttackShownError(sentence)
        if refused.reason in {Refusal.STALLED, Refusal.NOT_RECOGNISED}:
            return EnrolmentStalledError(f'{sentence}; the last instruction was "{SAID[refused.last_word][0]}"')
        return EnrolmentError(sentence)

    def _rules(self) -> SessionRules:
        from device.app import template_card, with_constancy

        card, recognition = template_card(self._installed), self._settings.recognition
        return SessionRules(
            straight_score=self._thresholds.choose(1).score,
            side_score=with_constancy(recognition, card).min_constancy,
            min_margin=recognition.min_margin * card.margin_scale,
            min_frames=recognition.min_frames,
        )


def at_least_cooperative(liveness: LivenessSettings) -> LivenessSettings:
    """The door's liveness, in a mode that asks whom it cannot tell: nobody is enrolled on less."""
    if liveness.mode in {"passive", "off"}:
        return with_changes(liveness, mode="cooperative")
    return liveness
