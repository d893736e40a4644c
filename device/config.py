"""The one configuration file, decoded and checked before any hardware opens.

Keys carry their units. Unknown keys, wrong types and values out of range raise ConfigError naming section and key.
`systemd/lintel.toml` shows every key at its default; a test keeps the two equal.
"""

from __future__ import annotations

import unicodedata
from datetime import date
from pathlib import Path
from typing import Annotated, ClassVar, Literal, TypeVar

import msgspec
from msgspec import Meta

from device.errors import ConfigError

Ratio = Annotated[float, Meta(ge=0.0, le=1.0)]
Score = Annotated[float, Meta(ge=-1.0, le=1.0)]
Seconds = Annotated[float, Meta(gt=0.0, le=3600.0)]
Degrees = Annotated[float, Meta(gt=0.0, le=90.0)]
PathText = Annotated[str, Meta(pattern=r"\A[^\x00]*\Z")]  # no file system allows NUL


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of all sections: immutable, and unknown keys are errors."""

    ascending: ClassVar[tuple[tuple[str, str], ...]] = ()  # pairs of keys of which the first must not exceed the second

    def __post_init__(self) -> None:
        for low, high in self.ascending:
            if getattr(self, low) > getattr(self, high):
                raise ValueError(f"{low} must not exceed {high}")


class SiteSettings(Section, frozen=True):
    """[site]: this door and where it keeps what it knows."""

    name: Annotated[str, Meta(min_length=1, max_length=64)] = "door"
    state_folder: Annotated[PathText, Meta(min_length=1)] = "/var/lib/lintel"  # collection.db and audit.db live here
    models_folder: PathText = ""  # where the networks are; empty: models/ in the state folder


class CameraSettings(Section, frozen=True):
    """[camera]: where frames come from."""

    ascending = (("reopen_after_s", "reopen_after_at_most_s"),)

    source: Annotated[PathText, Meta(min_length=1)] = "0"  # V4L2 number or path, rtsp:// URL, or a video file
    width_px: Annotated[int, Meta(ge=160, le=7680)] = 640
    height_px: Annotated[int, Meta(ge=120, le=4320)] = 480
    rate_hz: Annotated[float, Meta(ge=1.0, le=120.0)] = 15.0
    reopen_after_s: Seconds = 1.0  # the first wait after a camera vanished; doubles up to reopen_after_at_most_s
    reopen_after_at_most_s: Seconds = 30.0
    pinned_place: PathText = ""  # where on the bus the installed V4L2 camera is; another is refused. Empty: not pinned
    pinned_driver: PathText = ""  # such as uvcvideo
    pinned_name: PathText = ""  # as the kernel tells it
    pinned_format: Annotated[str, Meta(pattern=r"\A(|[ -~]{4})\Z")] = ""  # four-character code, such as MJPG or YUYV
    allow_virtual: tuple[str, ...] = ()  # names of virtual cameras that may be opened all the same


class RuntimeSettings(Section, frozen=True):
    """[runtime]: how the networks use this machine. Nothing falls back to what is not named here."""

    threads: Annotated[int, Meta(ge=1, le=64)] = 1  # per network
    providers: Annotated[tuple[str, ...], Meta(min_length=1)] = ("CPUExecutionProvider",)  # ONNX Runtime
    delegate: str = ""  # LiteRT delegate library, such as libedgetpu.so.1; empty: none


class DetectionSettings(Section, frozen=True):
    """[detection]: finding and following faces."""

    min_score: Ratio = 0.5  # the detector's own score; MediaPipe's default
    min_presence: Ratio = 0.5  # the mesh's belief below which a track is lost
    redetect_every_s: Annotated[float, Meta(gt=0.0, le=5.0)] = (
        1.0  # while faces are followed, look for new ones this often
    )
    max_faces: Annotated[int, Meta(ge=1, le=16)] = 3  # the largest ones; each costs as much as the first


class QualitySettings(Section, frozen=True):
    """[quality]: the gates a frame must pass before it is compared. The same gates serve enrolment."""

    ascending = (("min_brightness", "max_brightness"),)

    min_face_height_px: Annotated[float, Meta(ge=24.0, le=1000.0)] = 56.0
    min_brightness: Ratio = 0.12
    max_brightness: Ratio = 0.92
    min_sharpness: Annotated[float, Meta(ge=0.0)] = 20.0
    max_yaw_deg: Degrees = 35.0
    max_pitch_deg: Degrees = 30.0
    min_presence: Ratio = 0.8
    max_cover: Annotated[float, Meta(gt=0.0, le=10.0)] = 1.0  # 1: what 99.4 % of uncovered faces stay under


GestureName = Literal[
    "turn_left", "turn_right", "look_up", "look_down", "blink", "open_mouth", "come_closer"
]  # device.liveness.appearance.Gesture


class LivenessSettings(Section, frozen=True):
    """[liveness]: presentation attack detection. docs/liveness.md says what each mode asks of a person."""

    ascending = (
        ("max_attack_texture_score", "min_texture_score"),
        ("min_reaction_s", "answer_within_s"),
        ("hold_off_s", "hold_off_at_most_s"),
    )

    mode: Literal["passive", "cooperative", "challenge", "light", "off"] = (
        "cooperative"  # "off" is for bench work and is refused with real pins
    )
    use_texture: bool = True  # false, or no such network: passive goes by motion alone, cooperative asks everybody
    min_frames: Annotated[int, Meta(ge=1, le=60)] = 5  # usable frames before a verdict
    min_texture_score: Annotated[float, Meta(ge=0.5, le=1.0)] = (
        0.8  # mean over the newest frames; from here on the texture is live
    )
    max_attack_texture_score: Ratio = 0.4  # mean over the newest frames; up to here the texture is an attack
    max_texture_spread: Ratio = 0.35  # standard deviation over the same frames; more is undecided
    min_depth: Ratio = 0.034  # eye distances the relief of the mesh moved against a sheet: a head that turned
    min_solidity: Ratio = 0.1  # the least share of the picture's motion that follows a face's relief, for a head
    min_change: Ratio = 0.02  # eye distances the picture must have changed before a sheet is called one
    max_flat_solidity: Ratio = 0.2  # the largest such share, for a sheet
    max_flat_remainder: Ratio = 0.45  # the largest share of that motion which no sheet explains, for a sheet
    max_flat_depth: Ratio = 0.7  # the most depth of the mesh for that much change of the picture, for a sheet
    challenge_after_s: Annotated[float, Meta(ge=0.2, le=60.0)] = (
        1.5  # cooperative: undecided for so long, be asked; at once where texture is not used
    )
    challenge_length: Annotated[int, Meta(ge=2, le=8)] = 4  # gestures in one attempt
    challenge_pause_s: Seconds = 0.35  # the longest pause before a prompt
    min_reaction_s: Seconds = 0.2  # an answer sooner after its prompt was no answer; people need 0.25 s to react
    answer_within_s: Seconds = 2.0  # an answer later is none
    gestures: Annotated[tuple[GestureName, ...], Meta(min_length=3)] = (
        "turn_left",
        "turn_right",
        "look_up",
        "look_down",
        "open_mouth",
        "come_closer",
    )  # what may be asked for
    min_turn_deg: Degrees = 14.0  # against the person's own neutral face, as all below
    min_nod_deg: Degrees = 8.0
    min_eye_closure: Ratio = 0.3
    min_mouth_opening: Ratio = 0.1  # of the mouth's width
    min_approach: Ratio = 0.15  # growth of the face
    light_left: str = ""  # the door's emitter on the subject's left, such as "white"; empty: none
    light_right: str = ""
    light_steps: Annotated[int, Meta(ge=8, le=64)] = 24  # steps of the code
    light_step_s: Annotated[float, Meta(ge=0.02, le=2.0)] = 0.134  # two frames at 15 a second
    min_light_response: Ratio = 0.02  # of the face's brightness: an emitter that lights a live face adds this
    min_light_certainty: Annotated[float, Meta(ge=1.0, le=100.0)] = 6.0  # response by its standard error
    min_light_shape: Ratio = 0.2  # how differently left and right halves answer the two emitters
    min_light_relief: Ratio = 0.045  # how far the nose departs from what a bent sheet answers
    hold_off_s: Seconds = 5.0  # after an attack nobody is let in for so long; doubles with every further attack
    hold_off_at_most_s: Seconds = 300.0
    forgive_after_s: Annotated[float, Meta(gt=0.0, le=86_400.0)] = 900.0  # quiet after which attacks are forgotten

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(set(self.gestures)) != len(self.gestures):
            raise ValueError("gestures must not name one twice")
        if self.mode == "light" and not self.light_left:
            raise ValueError("light_left must name an emitter in mode light")


class RecognitionSettings(Section, frozen=True):
    """[recognition]: searching the gallery."""

    ascending = (("min_frames", "max_frames"),)

    target_fpir: Annotated[float, Meta(gt=0.0, le=0.1)] = 0.003  # NIST FRTE's operating point for access is FPIR 0.003
    max_fmr: Annotated[float, Meta(gt=0.0, le=0.01)] = 1e-4  # of one comparison, even in a gallery of one person
    min_margin: Annotated[float, Meta(ge=0.0, le=2.0)] = 0.05  # to the best other person, in score
    min_frames: Annotated[int, Meta(ge=1, le=60)] = 5  # usable frames fused into one probe
    max_frames: Annotated[int, Meta(ge=1, le=120)] = 30  # without a grant by then the person is denied
    repeat_after_s: Seconds = 3.0  # who was denied and stays is looked at again after this
    repeat_after_grant_s: Annotated[float, Meta(ge=1.0, le=3600.0)] = (
        10.0  # who was let in and stays is looked at again after this
    )
    min_constancy: Annotated[float, Meta(ge=0.2, le=1.0)] = (
        0.35  # a frame less like the frames before it starts a new track: it may be someone else
    )


class PolicySettings(Section, frozen=True):
    """[policy]: the door's rules."""

    freshness_s: Annotated[float, Meta(gt=0.0, le=2.0)] = 0.5  # the newest frame behind a grant may be this old
    clock_must_be_after: date = date(2026, 1, 1)  # a civil clock before this date has lost its battery
    second_factor_groups: tuple[str, ...] = ()  # people of these groups type their PIN, too; "everyone": all
    second_factor_within_s: Annotated[float, Meta(ge=3.0, le=120.0)] = 15.0  # from the face to the last key

    def __post_init__(self) -> None:
        super().__post_init__()
        if any(not name or name != unicodedata.normalize("NFC", name).strip() for name in self.second_factor_groups):
            raise ValueError("second_factor_groups must be names of groups in NFC, without outer blanks")


class DoorSettings(Section, frozen=True):
    """[door]: the daemon that owns the lock."""

    socket: PathText = "/run/lintel-door/door.sock"
    release_for_s: Annotated[float, Meta(ge=0.5, le=60.0)] = 5.0


class EnrolmentSettings(Section, frozen=True):
    """[enrolment]: what people agree to, and what is kept of them."""

    consent_text: Annotated[str, Meta(min_length=1, max_length=64)] = "1"  # version of the text that people agree to
    consent_language: Annotated[str, Meta(pattern=r"\A[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*\Z")] = "en"  # of it, BCP 47
    keep_photos: bool = False  # sealed reference photos, so that another network needs no new enrolment


class ControlSettings(Section, frozen=True):
    """[control]: the socket on which the running door can be asked; Unix groups lintel-ROLE say who may ask what."""

    socket: PathText = "/run/lintel/control.sock"  # empty: none


class LockoutSection(Section, frozen=True):
    """[lockout]: slowing the door down for those who try again and again; never the exit."""

    ascending = (("pause_s", "pause_at_most_s"),)

    max_denials: Annotated[int, Meta(ge=1, le=1000)] = 10  # in one window; the next denial pauses the door
    window_s: Seconds = 60.0
    pause_s: Seconds = 5.0  # the first pause; each further one doubles
    pause_at_most_s: Seconds = 30.0  # also the longest rest of somebody who stays


class UpkeepSettings(Section, frozen=True):
    """[upkeep]: what the door does for its files while it runs."""

    snapshot_every_s: Seconds = 600.0  # a snapshot of a collection that changed, at most so often
    max_snapshots: Annotated[int, Meta(ge=1, le=1000)] = 8  # kept; older ones are deleted
    max_audit_mib: Annotated[int, Meta(ge=1, le=100_000)] = 64  # more, and older events move into archives
    max_archive_days: Annotated[int, Meta(ge=0, le=36_500)] = 0  # archives older than this are deleted; 0: none


class Settings(Section, frozen=True):
    """The whole file."""

    site: SiteSettings = SiteSettings()
    camera: CameraSettings = CameraSettings()
    runtime: RuntimeSettings = RuntimeSettings()
    detection: DetectionSettings = DetectionSettings()
    quality: QualitySettings = QualitySettings()
    liveness: LivenessSettings = LivenessSettings()
    recognition: RecognitionSettings = RecognitionSettings()
    policy: PolicySettings = PolicySettings()
    door: DoorSettings = DoorSettings()
    enrolment: EnrolmentSettings = EnrolmentSettings()
    control: ControlSettings = ControlSettings()
    lockout: LockoutSection = LockoutSection()
    upkeep: UpkeepSettings = UpkeepSettings()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.liveness.min_frames > self.recognition.max_frames:
            raise ValueError("[liveness] min_frames must not exceed [recognition] max_frames: nobody could get in")

    @property
    def state_folder(self) -> Path:
        return Path(self.site.state_folder)

    @property
    def collection_file(self) -> Path:
        return self.state_folder / "collection.db"

    @property
    def audit_file(self) -> Path:
        return self.state_folder / "audit.db"

    @property
    def models_folder(self) -> Path:
        return Path(self.site.models_folder) if self.site.models_folder else self.state_folder / "models"


SectionT = TypeVar("SectionT", bound=Section)


def read_settings(file: Path) -> Settings:
    """Decode and check `file`. Raises ConfigError with one sentence naming the section and key at fault."""
    try:
        return decode_settings(file.read_bytes())
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror or error}") from error
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}") from error


def decode_settings(text: bytes) -> Settings:
    """Decode and check TOML. Raises ConfigError for anything that is not exactly a configuration."""
    try:
        return msgspec.toml.decode(text, type=Settings)
    except msgspec.ValidationError as error:
        raise ConfigError(_located(str(error))) from error
    except msgspec.DecodeError as error:
        raise ConfigError(f"not TOML: {error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError("not UTF-8 text") from error


def _located(message: str) -> str:
    """Turn msgspec's "Expected `int` - at `$.camera.width_px`" into "[camera] width_px: expected `int`"."""
    what, _, path = message.partition(" - at `$")
    if not path and "unknown field" in what:
        return f"unknown section [{what.split('`')[1]}]"
    keys = path.rstrip("`").strip(".").split(".")
    section = f"[{keys[0]}] " if keys[0] else ""
    key = f"{'.'.join(keys[1:])}: " if len(keys) > 1 else ""
    return f"{section}{key}{what[0].lower()}{what[1:]}"
