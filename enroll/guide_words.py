"""What the person and the administrator are told: each word as a sentence and as an indication of the door's lamps."""

from __future__ import annotations

from enroll.session import Refusal, Word

SAID: dict[Word, tuple[str, str]] = {  # word -> (the sentence, the lamps' word: firmware_bridge.types.Indication)
    Word.NOBODY: ("I see nobody. Step in front of the camera.", "come_closer"),
    Word.SEVERAL: ("I see several faces. One person only, please.", "try_again_later"),
    Word.COME_CLOSER: ("Come a little closer.", "come_closer"),
    Word.TOO_DARK: ("It is too dark. Turn on a light, or face it.", "fault"),
    Word.TOO_BRIGHT: ("It is too bright. Step out of the direct light.", "fault"),
    Word.BLURRED: ("The picture is blurred. Hold still.", "hold_still"),
    Word.TURNED_AWAY: ("You are turned too far away. Turn back a little.", "hold_still"),
    Word.UNCOVER: ("Part of the face is covered. Show all of it.", "fault"),
    Word.MOVE_IN: ("Part of the face is outside the picture. Move to its middle.", "come_closer"),
    Word.HOLD_STILL: ("Hold still and look into the camera.", "hold_still"),
    Word.STRAIGHT: ("Look straight into the camera.", "hold_still"),
    Word.LEFT: ("Turn a little to your left.", "look_left"),
    Word.RIGHT: ("Turn a little to your right.", "look_right"),
    Word.UP: ("Look up a little.", "look_up"),
    Word.DOWN: ("Look down a little.", "look_down"),
    Word.BLINK: ("Close your eyes for a moment.", "blink"),
    Word.OPEN_MOUTH: ("Open your mouth.", "open_mouth"),
    Word.WAIT: ("One moment, please.", "hold_still"),
    Word.VERIFY: ("Look straight into the camera: now the door tries to recognise you.", "hold_still"),
}

REFUSALS: dict[Refusal, str] = {
    Refusal.ATTACK: "a presentation attack was shown to the camera, so nobody is enrolled",
    Refusal.LIVENESS_UNDECIDED: "it could not be shown that a live person stands there, so nobody is enrolled",
    Refusal.FACE_CHANGED: "another face took the place of the first, so nobody is enrolled",
    Refusal.DISAGREEMENT: "the five views do not agree with one another, so nobody is enrolled",
    Refusal.LOOK_ALIKE: "somebody enrolled is too near, so nobody is enrolled",
    Refusal.NOT_RECOGNISED: "the door did not recognise the new person without doubt, so nobody is enrolled",
    Refusal.STALLED: "there was no progress for too long, so nobody is enrolled",
}

CONSENT_TEXTS: dict[tuple[str, str], str] = {  # (version, language): what people agree to
    ("1", "en"): (
        "This door recognises people by their face. To do so it keeps five templates of your face, "
        "which are numbers and no picture, your name and when you agreed, all sealed on this device; nothing leaves "
        "it. They are used to open this door for you and for nothing else. You may take back your consent at any time: "
        "everything is then erased, but for the fact that it was."
    ),
}
