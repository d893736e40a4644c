"""What may happen: the closed list of audit events."""

from __future__ import annotations

from enum import StrEnum


class AuditKind(StrEnum):
    """The kind of an event. Stable: reports, the API and other doors use these words."""

    APPLIANCE_STARTED = "appliance.started"
    APPLIANCE_STOPPED = "appliance.stopped"
    DECISION_GRANTED = "decision.granted"
    DECISION_DENIED = "decision.denied"
    DOOR_RELEASED = "door.released"
    DOOR_SECURED = "door.secured"
    DOOR_FORCED = "door.forced"
    DOOR_HELD = "door.held"
    DOOR_EXIT_REQUESTED = "door.exit_requested"
    DOOR_EVENT = "door.event"
    DOOR_UNREACHABLE = "door.unreachable"
    DOOR_REFUSED = "door.refused"
    CAMERA_LOST = "camera.lost"
    CAMERA_RESTORED = "camera.restored"
    PERSON_ENROLLED = "person.enrolled"
    PERSON_REFUSED = "person.refused"
    PERSON_CHANGED = "person.changed"
    PERSON_RETIRED = "person.retired"
    PERSON_EXPORTED = "person.exported"
    PERSON_ERASED = "person.erased"
    SITE_KEY_ROTATED = "site.key_rotated"
    SITE_TEMPLATES_REVOKED = "site.templates_revoked"
    COLLECTION_RESTORED = "collection.restored"
    COLLECTION_BACKED_UP = "collection.backed_up"
    AUTHOR_TRUSTED = "author.trusted"
    AUTHOR_DISTRUSTED = "author.distrusted"
    BUNDLE_APPLIED = "bundle.applied"
    BUNDLE_REFUSED = "bundle.refused"
    AUDIT_SIGNED = "audit.signed"
    AUDIT_ARCHIVED = "audit.archived"
    AUDIT_RETIRED = "audit.retired"
    AUDIT_TAIL_LOST = "audit.tail_lost"
    DOOR_SLOWED = "door.slowed"
    CONTROL_USED = "control.used"
    CONTROL_REFUSED = "control.refused"
    PAD_CAPTURED = "pad.captured"
    FAULT = "fault"


MEANINGS: dict[AuditKind, str] = {
    AuditKind.APPLIANCE_STARTED: "The loop is ready; facts name the models, the threshold and the gallery's size.",
    AuditKind.APPLIANCE_STOPPED: "The loop ended in good order; where it is missing there was a crash or a power cut.",
    AuditKind.DECISION_GRANTED: "A person may come in; committed before the lock is told to release.",
    AuditKind.DECISION_DENIED: "The door stays secured; facts name the reason.",
    AuditKind.DOOR_RELEASED: "The door daemon confirmed that it released the lock.",
    AuditKind.DOOR_SECURED: "The lock is secured again.",
    AuditKind.DOOR_FORCED: "The door opened without a release.",
    AuditKind.DOOR_HELD: "The door stayed open longer than agreed.",
    AuditKind.DOOR_EXIT_REQUESTED: "Somebody inside asked to leave.",
    AuditKind.DOOR_EVENT: "Something else that the door daemon told; facts name it: opened, closed, tamper, fire, ….",
    AuditKind.DOOR_UNREACHABLE: "No answer to a release; whether the lock was released, the door's own events tell.",
    AuditKind.DOOR_REFUSED: "The door daemon answered a release with a refusal; facts say why.",
    AuditKind.CAMERA_LOST: "The camera stopped delivering frames; the door stays secured.",
    AuditKind.CAMERA_RESTORED: "The camera delivers frames again.",
    AuditKind.PERSON_ENROLLED: "A person was added to the collection; facts hold the opaque id, never the name.",
    AuditKind.PERSON_REFUSED: "Somebody was not enrolled at the camera; facts say why, and never who.",
    AuditKind.PERSON_CHANGED: "A person's facts or references changed.",
    AuditKind.PERSON_RETIRED: "The door knows a person no more, of whom everything is still kept; facts say why.",
    AuditKind.PERSON_EXPORTED: "All that is held about a person was handed out; facts say whether templates, too.",
    AuditKind.PERSON_ERASED: "A person and all their references were destroyed; this fact remains.",
    AuditKind.SITE_KEY_ROTATED: "Everything was sealed anew with another site key; facts name both keys' ids.",
    AuditKind.SITE_TEMPLATES_REVOKED: "All templates were turned by a new secret; those of before match nobody.",
    AuditKind.COLLECTION_RESTORED: "A backup or snapshot took the collection's place; facts say what was lost with it.",
    AuditKind.COLLECTION_BACKED_UP: "An administrator made a backup of the collection.",
    AuditKind.AUTHOR_TRUSTED: "The site certified an author, whose bundles are applied from then on.",
    AuditKind.AUTHOR_DISTRUSTED: "An author's certificate was revoked; nothing of theirs is applied any more.",
    AuditKind.BUNDLE_APPLIED: "A signed bundle was applied as a whole; facts name its author, number and changes.",
    AuditKind.BUNDLE_REFUSED: "A bundle changed nothing; facts say why, and as much of it as could be read.",
    AuditKind.AUDIT_SIGNED: "An earlier version signed no events; from here on the device does.",
    AuditKind.AUDIT_ARCHIVED: "Older events were moved into an archive file; the chain goes through it.",
    AuditKind.AUDIT_RETIRED: "Archives older than the agreed time were deleted; facts name the last event in them.",
    AuditKind.AUDIT_TAIL_LOST: "The log had been cut or rolled back; facts name the event that it should have held.",
    AuditKind.DOOR_SLOWED: "Too many were denied in a short time, so the door looks at nobody for a while.",
    AuditKind.CONTROL_USED: "Somebody changed something over the control socket; facts name user, role and command.",
    AuditKind.CONTROL_REFUSED: "Somebody asked for what their role does not allow; nothing was done.",
    AuditKind.PAD_CAPTURED: "An installer records attempts at the door to measure it; facts name species and number.",
    AuditKind.FAULT: "Something failed that should not; facts say what was at work and what was done about it.",
}
