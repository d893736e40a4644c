"""`lintel enroll import`: people from a folder of photos or a roster."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, assert_never

import click

from device.config import Settings
from enroll.console import json_option, out, print_json

if TYPE_CHECKING:
    from enroll.intake import Considered, Intake
    from enroll.roster import Entry, Unreadable

SOME_REJECTED = 89  # exit status: the import went through, but somebody in it was not taken


@click.command(name="import")
@click.argument("source", type=click.Path(path_type=Path, exists=True))
@click.option("--commit", "commits", is_flag=True, help="Write. Without it nothing is changed, only shown.")
@click.option("--consent", metavar="HOW", help="How everybody agreed whose row does not say, such as 'signed form'.")
@click.option("--allow-duplicates", is_flag=True, help="Enrol those, too, whom the door takes for somebody else.")
@json_option
@click.pass_obj
def import_(
    settings: Settings,
    /,
    *,
    source: Path,
    commits: bool,
    consent: str | None,
    allow_duplicates: bool,
    as_json: bool,
) -> None:
    """Enrol the people in SOURCE: a folder (NAME/photo.jpg or ID_name.jpg), or a roster beside its photos.

    Shows what would happen; --commit does it, each person in one transaction. Run again after an interruption, it goes
    on: who is enrolled stays as they are. Exit status 89 when somebody was not taken.
    """
    from device.app import build_photo_extractor, build_thresholds
    from device.collection.gallery import Gallery
    from enroll.intake import Intake
    from enroll.registry import open_registry
    from enroll.sources import open_source
    from models.store import ModelStore

    opened = open_source(source)
    for _ in opened.entries():
        pass  # a roster that is none at its end changes nothing at its beginning
    thresholds = build_thresholds(settings, ModelStore(settings.models_folder).installed())
    with open_registry(settings) as registry:
        intake = Intake(
            registry,
            Gallery(registry.collection, thresholds=thresholds),
            thresholds,
            build_photo_extractor(settings),
            opened.read,
            keeps_photos=settings.enrolment.keep_photos,
            allows_look_alikes=allow_duplicates,
        )
        counts: dict[str, int] = {}
        for entry in opened.entries():
            told = _take(settings, intake, entry, consent=consent, commits=commits)
            outcome = str(told["outcome"])
            counts[outcome] = counts.get(outcome, 0) + 1
            _show(told, as_json=as_json)
    _summarise(counts, commits=commits, as_json=as_json)
    if counts.get("rejected"):
        click.get_current_context().exit(SOME_REJECTED)


def _take(
    settings: Settings, intake: Intake, entry: Entry | Unreadable, *, consent: str | None, commits: bool
) -> dict[str, object]:
    from device.errors import ConsentMissingError
    from enroll.consent import consent_given
    from enroll.intake import Considered, Rejected
    from enroll.reasons import Reason
    from enroll.roster import Unreadable

    if isinstance(entry, Unreadable):
        return _told(entry.place, "", Considered(Rejected(Reason.ROW_UNREADABLE, entry.sentence)))
    try:
        agreed = consent_given(entry.consent or consent, settings.enrolment, at=intake.registry.clock.now())
    except ConsentMissingError as error:
        return _told(entry.place, entry.name, Considered(Rejected(Reason.CONSENT_MISSING, str(error))))
    considered = intake.consider(entry, consent=agreed)
    return _written(intake, entry, considered, commits=commits)


def _written(intake: Intake, entry: Entry, considered: Considered, *, commits: bool) -> dict[str, object]:
    """Commit somebody new, or let them count in a dry run."""
    from enroll.intake import Considered, Enrollable, Rejected

    if not isinstance(considered.verdict, Enrollable):
        return _told(entry.place, entry.name, considered)
    if not commits:
        intake.note(considered.verdict.newcomer)
        return _told(entry.place, entry.name, considered)
    done = intake.commit(considered.verdict.newcomer)
    if isinstance(done, Rejected):
        return _told(entry.place, entry.name, Considered(done, considered.refused))
    return {**_told(entry.place, entry.name, considered), "outcome": "enrolled", "person": done}


def _told(place: str, name: str, considered: Considered) -> dict[str, object]:
    from enroll.intake import Enrollable, Known, Rejected

    told: dict[str, object] = {"kind": "person", "place": place, "name": name}
    match considered.verdict:
        case Enrollable():
            told |= {"outcome": "enrol", "reason": None, "detail": ""}
        case Known(differences=differences):
            told |= {"outcome": "changed" if differences else "already_enrolled", "detail": ", ".join(differences)}
        case Rejected(reason=reason, sentence=sentence):
            told |= {"outcome": "rejected", "reason": reason.value, "detail": sentence}
        case unreachable:
            assert_never(unreachable)
    photos = [{"photo": one.photo, "reason": one.reason.value, "detail": one.sentence} for one in considered.refused]
    return {**told, "refused_photos": photos}


def _show(told: dict[str, object], *, as_json: bool) -> None:
    if as_json:
        print_json(told)
        return
    reason = f"{told['reason']}: " if told.get("reason") else ""
    who = str(told["name"]) or str(told["place"])
    out.print(f"{told['outcome']!s:<17} {who}  {reason}{told['detail']}".rstrip(), markup=False, soft_wrap=True)


def _summarise(counts: dict[str, int], *, commits: bool, as_json: bool) -> None:
    if as_json:
        print_json({"kind": "summary", "committed": commits, **counts})
        return
    out.print(", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items())) or "nobody", markup=False)
    if not commits:
        out.print("Nothing was written; add --commit to do it.")
