"""The door's words: what it is, what moves it, what it tells. Times called `..._at` are monotonic seconds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias


class DoorState(StrEnum):
    """Where the door stands, as its lock and its position switch tell."""

    SECURED = "secured"  # closed and locked
    RELEASED = "released"  # closed, may be opened
    OPEN = "open"  # open, rightly so
    HELD = "held"  # open, rightly opened, for too long
    FORCED = "forced"  # open although it was locked


class Mode(StrEnum):
    """The rule that the whole door is under. The later outranks the earlier."""

    NORMAL = "normal"
    FREE_PASSAGE = "free_passage"  # unlocked for everybody, by schedule or by an operator
    LOCKDOWN = "lockdown"  # no command releases; the exit button and the fire panel do
    FIRE = "fire"  # the fire panel releases


class Cause(StrEnum):
    """Why the lock is released. Without a live cause it is not."""

    COMMAND = "command"  # the vision service or an operator
    PANEL = "panel"  # the access control panel, over OSDP
    REX = "rex"  # the exit button
    FREE_PASSAGE = "free_passage"
    FIRE = "fire"


class EventKind(StrEnum):
    """What happened at the door. Stable: the spool, the audit and the API use these words."""

    STARTED = "started"  # the daemon; every output was secured first
    RELEASED = "released"
    SECURED = "secured"
    OPENED = "opened"
    CLOSED = "closed"
    FORCED = "forced"
    HELD_WARNING = "held_warning"
    HELD = "held"
    REX = "rex"
    TAMPER = "tamper"
    TAMPER_CLEARED = "tamper_cleared"
    FIRE = "fire"
    FIRE_CLEARED = "fire_cleared"
    LOCKDOWN = "lockdown"
    LOCKDOWN_ENDED = "lockdown_ended"
    FREE_PASSAGE = "free_passage"
    FREE_PASSAGE_ENDED = "free_passage_ended"
    LINE_FAULT = "line_fault"
    LINE_RESTORED = "line_restored"
    COMMAND_REFUSED = "command_refused"
    EVENTS_LOST = "events_lost"  # the spool was full; `detail` says how many were dropped
    PRESENTED = "presented"  # a credential was sent to the panel by Wiegand or OSDP
    KEY_CHANGED = "key_changed"  # the OSDP key; never the key itself
    INSTALL_MODE = "install_mode"  # an administrator let the panel set a first key


@dataclass(frozen=True, slots=True)
class Release:
    """Somebody may come in: release the lock for a while."""

    duration_s: float
    actor: str  # who asked, such as "uid 990"
    audit_sequence: int | None = None  # the audit row that earned it; None for an operator
    cause: Cause = Cause.COMMAND
    is_extended: bool = False  # a person who needs longer: the accessibility times apply


@dataclass(frozen=True, slots=True)
class Secure:
    """End what was commanded; the exit button and the fire panel stay."""

    actor: str
    causes: tuple[Cause, ...] = (Cause.COMMAND, Cause.PANEL, Cause.FREE_PASSAGE)


@dataclass(frozen=True, slots=True)
class Lockdown:
    """Let no command release the lock until further notice."""

    actor: str


@dataclass(frozen=True, slots=True)
class EndLockdown:
    """Back to normal. Nothing that the lockdown ended comes back by itself."""

    actor: str


@dataclass(frozen=True, slots=True)
class FreePassage:
    """Unlock for everybody for `duration_s` seconds; None: until ended."""

    actor: str
    duration_s: float | None = None


@dataclass(frozen=True, slots=True)
class EndFreePassage:
    """The end of an unlocked period."""

    actor: str


class Sensed(StrEnum):
    """What the door's own lines tell, debounced."""

    REX_PRESSED = "rex_pressed"
    REX_LET_GO = "rex_let_go"
    OPENED = "opened"
    CLOSED = "closed"
    TAMPERED = "tampered"
    TAMPER_CLEARED = "tamper_cleared"
    FIRE_RAISED = "fire_raised"
    FIRE_CLEARED = "fire_cleared"
    TIMER = "timer"  # nothing but time passed


Command: TypeAlias = Release | Secure | Lockdown | EndLockdown | FreePassage | EndFreePassage
Signal: TypeAlias = Command | Sensed


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One thing that happened at the door, before the spool numbers and dates it."""

    kind: EventKind
    cause: Cause | None = None
    actor: str = ""
    audit_sequence: int | None = None
    detail: str = ""


class Indication(StrEnum):
    """What the person at the door is told, without words."""

    READY = "ready"
    COME_CLOSER = "come_closer"
    HOLD_STILL = "hold_still"
    LOOK_LEFT = "look_left"
    LOOK_RIGHT = "look_right"
    LOOK_UP = "look_up"
    LOOK_DOWN = "look_down"
    BLINK = "blink"
    OPEN_MOUTH = "open_mouth"
    ENTER_PIN = "enter_pin"  # on the keypad
    GRANTED = "granted"
    DENIED = "denied"
    TRY_AGAIN_LATER = "try_again_later"
    FAULT = "fault"
    ENROLLING = "enrolling"  # the camera serves an enrolment, so nobody is let in
    ENROLLED = "enrolled"
    RELEASED = "released"  # from here on the door's own, shown whatever the vision service says
    LOCKDOWN = "lockdown"
    HELD_WARNING = "held_warning"
    ALARM = "alarm"


OWN_INDICATIONS = frozenset(
    {Indication.RELEASED, Indication.LOCKDOWN, Indication.HELD_WARNING, Indication.ALARM}
)  # shown by the door itself, refused from clients


class Reading(StrEnum):
    """What a contact's line shows. A plain contact knows the first two, a supervised one all."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    SHORT = "short"  # the two wires touch
    CUT = "cut"  # no current at all
    FAULT = "fault"  # neither, or the line cannot be read

    @property
    def is_sound(self) -> bool:
        """Whether the line tells the contact's state."""
        return self in (Reading.ACTIVE, Reading.INACTIVE)
