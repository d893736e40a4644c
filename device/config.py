"""The one configuration file, decoded and checked before any hardware opens.

Keys carry their units. Unknown keys, wrong types and values out of range raise ConfigError naming section and key.
`systemd/lintel.toml` shows every key at its default; a test keeps the two equal.
"""

from __future__ import annotations

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


class RuntimeSettings(Section, frozen=True):
    """[runtime]: how the networks use this machine. Nothing falls back to what is not named here."""

    threads: Annotated[int, Meta(ge=1, le=64)] = 1  # per network
    providers: Annotated[tuple[str, ...], Meta(min_length=1)] = ("CPUExecutionProvider",)  # ONNX Runtime
    delegate: str = ""  # LiteRT delegate library, such as libedgetpu.so.1; empty: none


class DetectionSettings(Section, frozen=True):
    """[detection]: finding and following faces."""

    min_score: Ratio = 0.5  # the detector's own score; MediaPipe's default
    min_presence: Ratio = 0.5  # the mesh's belief below which a track is lost
    redetect_every_s: Seconds = 1.0  # while faces are followed, look for new ones this often
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


class LivenessSettings(Section, frozen=True):
    """[liveness]: presentation attack detection."""

    ascending = (("max_attack_texture_score", "min_texture_score"), ("max_flat_solidity", "min_solidity"))

    mode: Literal["passive", "off"] = "passive"  # "off" is for bench work and is refused with real pins
    use_texture: bool = True  # false: motion alone decides, so a head that does not turn stays undecided
    min_frames: Annotated[int, Meta(ge=1, le=60)] = 5  # usable frames before a verdict
    min_texture_score: Ratio = 0.8  # mean over the frames; from here on the texture is live
    max_attack_texture_score: Ratio = 0.4  # mean over the frames; up to here the texture is an attack
    max_texture_spread: Ratio = 0.35  # standard deviation over the frames; more is undecided
    min_depth: Annotated[float, Meta(ge=0.0, le=1.0)] = 0.06  # eye distances no moving plane explains: a head turned
    min_solidity: Ratio = 0.65  # the least share of the motion that a plane cannot explain, for a head
    min_change: Annotated[float, Meta(ge=0.0, le=1.0)] = 0.06  # eye distances of motion from which a plane would show
    max_flat_solidity: Ratio = 0.5  # the largest such share, for a plane


class RecognitionSettings(Section, frozen=True):
    """[recognition]: searching the gallery."""

    ascending = (("min_frames", "max_frames"),)

    target_fpir: Annotated[float, Meta(gt=0.0, le=0.1)] = 0.003  # NIST FRTE's operating point for access is FPIR 0.003
    max_fmr: Annotated[float, Meta(gt=0.0, le=0.01)] = 1e-4  # of one comparison, even in a gallery of one person
    min_margin: Annotated[float, Meta(ge=0.0, le=2.0)] = 0.05  # to the best other person, in score
    min_frames: Annotated[int, Meta(ge=1, le=60)] = 5  # usable frames fused into one probe
    max_frames: Annotated[int, Meta(ge=1, le=120)] = 30  # without a grant by then the person is denied
    repeat_after_s: Seconds = 3.0  # who was denied and stays is looked at again after this
    repeat_after_grant_s: Seconds = 10.0  # who was let in and stays is looked at again after this
    min_constancy: Score = 0.35  # a frame less like the frames before it starts a new track: it may be someone else


class PolicySettings(Section, frozen=True):
    """[policy]: the door's rules."""

    freshness_s: Seconds = 0.5  # the newest frame behind a grant may be this old
    clock_must_be_after: date = date(2026, 1, 1)  # a civil clock before this date has lost its battery


class DoorSettings(Section, frozen=True):
    """[door]: the daemon that owns the lock."""

    socket: PathText = "/run/lintel-door/door.sock"
    release_for_s: Annotated[float, Meta(ge=0.5, le=60.0)] = 5.0


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
    keys = path.rstrip("`").strip(".").split(".")
    section = f"[{keys[0]}] " if keys[0] else ""
    key = f"{'.'.join(keys[1:])}: " if len(keys) > 1 else ""
    return f"{section}{key}{what[0].lower()}{what[1:]}"
