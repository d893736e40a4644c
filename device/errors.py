"""What can go wrong in the appliance.

    DeviceError
    ├── ConfigError (ValueError)              the configuration file cannot be accepted           78
    ├── PhotoError (ValueError)               a photo cannot be used                               10
    │   ├── PhotoUnreadableError              not an image, truncated, empty                       11
    │   ├── PhotoTooLargeError                more pixels or bytes than a photo may have           12
    │   ├── NoFaceError                       no face in it                                        13
    │   ├── SeveralFacesError                 more than one face in it                             14
    │   ├── PoorQualityError                  a face, but not good enough to enrol                 15
    │   └── PhotosDisagreeError               two photos of one person do not match                16
    ├── CameraError (OSError)                 the camera cannot be opened or vanished              20
    │   ├── VideoUnreadableError              a video file that cannot be decoded                  21
    │   └── CameraRefusedError                not the camera that was installed, or a virtual one  22
    ├── CollectionError                       the collection cannot be used                        30
    │   ├── CollectionUnreadableError         not a database, or damaged                           31
    │   ├── CollectionTooNewError             written by a newer Lintel                            32
    │   ├── StorageFullError (OSError)        no space left; nothing was written                   33
    │   ├── UnknownPersonError (LookupError)  no such person                                       34
    │   ├── PersonExistsError (ValueError)    this person is already enrolled                      35
    │   ├── ModelMismatchError (ValueError)   templates of different models cannot be compared     36
    │   ├── WeakPinError (ValueError)         no PIN, or one that would be guessed first             96
    │   ├── MigrationUnfinishedError (ValueError)  people would be left without any reference          98
    │   ├── ConsentMissingError (ValueError)  nobody is enrolled without having agreed to it           84
    │   ├── LookAlikeError (ValueError)       another enrolled person looks too much like this one 38
    │   ├── StorageUnwritableError (PermissionError)  the file or its folder may not be written    39
    │   ├── SiteKeyError                      the site key cannot be read, written or trusted      80
    │   │   └── SiteKeyMissingError (LookupError)  the collection is sealed with a key not here     81
    │   ├── BackupError                       a backup cannot be made, or must not be restored     82
    │   └── CollectionMissingError (LookupError)  there is no collection: nobody was ever enrolled     85
    ├── ClockUntrustedError (ValueError)      the clock is wrong, so nothing may be retired by it      75
    ├── BundleError (ValueError)              a bundle cannot be read, or made                     100
    │   ├── BundleDamagedError                truncated or changed since it was signed             101
    │   ├── AuthorRefusedError                its author is not certified, or not any more         102
    │   ├── OtherSiteError                    it is sealed for another site or another key         103
    │   ├── BundleOldError                    applied before, or too old                           104
    │   └── BundleRejectedError               something in it cannot be done, so nothing was       105
    ├── ImportSourceError (ValueError)        what is to be imported cannot be read                17
    │   └── RosterError                       a roster with unknown columns, or that is none       18
    ├── TargetUnreachableError (ValueError)   the model cannot meet target_fpir at this gallery    37
    ├── ControlError (OSError)                the control socket does not answer, or refuses       83
    ├── EnrolmentError                        a live enrolment ended without enrolling anybody       86
    │   ├── EnrolmentStalledError             a step of it made no progress for too long             87
    │   └── AttackShownError                  a presentation attack was shown to it                  88
    ├── CaptureError                          a captured attempt cannot be read                    90
    │   ├── CaptureUnreadableError            changed, cut off, mislabelled, or none at all        91
    │   └── CaptureKeyMissingError (LookupError)  it is sealed with a site key that is not here    92
    └── AuditError                            the audit log cannot be written or read              50
        └── AuditBrokenError                  its hash chain does not hold                         51

The number is the exit code of the `lintel` command. Every message is one sentence for the person who must act.
"""

from __future__ import annotations

from typing import ClassVar


class DeviceError(Exception):
    """Root of the appliance's errors."""

    exit_code: ClassVar[int] = 70  # EX_SOFTWARE: a leaf without its own code is a bug


class ConfigError(DeviceError, ValueError):
    """The configuration file cannot be accepted; the message names section and key."""

    exit_code = 78  # EX_CONFIG


class PhotoError(DeviceError, ValueError):
    """A photo cannot be used; the message names the file."""

    exit_code = 10


class PhotoUnreadableError(PhotoError):
    """The file is not an image, or is empty, truncated or of an unknown format."""

    exit_code = 11


class PhotoTooLargeError(PhotoError):
    """The file has more bytes or pixels than a photo may have."""

    exit_code = 12


class NoFaceError(PhotoError):
    """No face was found in the photo."""

    exit_code = 13


class SeveralFacesError(PhotoError):
    """More than one face was found, so it is not clear who is to be enrolled."""

    exit_code = 14


class PoorQualityError(PhotoError):
    """A face was found, but a quality gate objects; the message names every objection."""

    exit_code = 15

    def __init__(self, sentence: str, *, issues: tuple[str, ...] = ()) -> None:
        super().__init__(sentence)
        self.issues = issues  # values of `device.types.QualityIssue`


class PhotosDisagreeError(PhotoError):
    """Two photos that were given for one person do not match each other; the message names both."""

    exit_code = 16


class CameraError(DeviceError, OSError):
    """The camera cannot be opened, or it stopped delivering frames."""

    exit_code = 20


class VideoUnreadableError(CameraError):
    """A video file does not exist or cannot be decoded."""

    exit_code = 21


class CameraRefusedError(CameraError):
    """The camera is not the one that was pinned at installation, or is virtual and not allowed by name."""

    exit_code = 22


class CollectionError(DeviceError):
    """The collection cannot be used; the door stays secured."""

    exit_code = 30


class CollectionUnreadableError(CollectionError):
    """The file is not a Lintel collection or is damaged; it was left untouched."""

    exit_code = 31


class CollectionTooNewError(CollectionError):
    """The file was written by a newer Lintel; it was left untouched."""

    exit_code = 32


class StorageFullError(CollectionError, OSError):
    """No space is left on the device; nothing was written."""

    exit_code = 33


class UnknownPersonError(CollectionError, LookupError):
    """No person of this name or id is enrolled."""

    exit_code = 34


class PersonExistsError(CollectionError, ValueError):
    """A person of this name is already enrolled."""

    exit_code = 35


class ModelMismatchError(CollectionError, ValueError):
    """Templates of different models were about to be compared or mixed."""

    exit_code = 36


class LookAlikeError(CollectionError, ValueError):
    """Another enrolled person looks so much like the new one that the door could not tell them apart."""

    exit_code = 38


class WeakPinError(CollectionError, ValueError):
    """What was to be a PIN is none, or is one that would be guessed first."""

    exit_code = 96


class MigrationUnfinishedError(CollectionError, ValueError):
    """Earlier references were to be removed while people have no others; the message names them."""

    exit_code = 98


class ConsentMissingError(CollectionError, ValueError):
    """A person was about to be enrolled without a record of their consent."""

    exit_code = 84


class StorageUnwritableError(CollectionError, PermissionError):
    """The collection's file or folder may not be opened or written by this user, or is on a read-only disk."""

    exit_code = 39


class SiteKeyError(CollectionError):
    """The site key cannot be read or written, others may read it, or the file holds no key."""

    exit_code = 80


class SiteKeyMissingError(SiteKeyError, LookupError):
    """The collection is sealed with a site key that is not on this device; it was left untouched."""

    exit_code = 81


class BackupError(CollectionError):
    """A backup cannot be made, or the file that is to be restored is none that this device can use."""

    exit_code = 82


class CollectionMissingError(CollectionError, LookupError):
    """There is no collection where one was to be read; none was made."""

    exit_code = 85


class ClockUntrustedError(DeviceError, ValueError):
    """The civil clock shows a time that cannot be right, so nobody's absence can be measured by it."""

    exit_code = 75  # EX_TEMPFAIL: when the clock is right again, so is the command


class BundleError(DeviceError, ValueError):
    """A bundle, or what belongs to making one, cannot be read, is too large, or is none; nothing was changed."""

    exit_code = 100


class BundleDamagedError(BundleError):
    """A bundle is truncated, or somebody or something changed it since it was signed; nothing was changed."""

    exit_code = 101


class AuthorRefusedError(BundleError):
    """The author of a bundle was never certified by this site, or is not trusted any more; nothing was changed."""

    exit_code = 102


class OtherSiteError(BundleError):
    """A bundle is sealed for another site, or for a key of this site that was rotated away; nothing was changed."""

    exit_code = 103


class BundleOldError(BundleError):
    """A bundle was applied already, or a newer one was, or its time is over; nothing was changed."""

    exit_code = 104


class BundleRejectedError(BundleError):
    """Something that a bundle asks for cannot be done, so nothing of it was."""

    exit_code = 105


class ImportSourceError(DeviceError, ValueError):
    """What is to be imported is no folder of photos and no roster, or cannot be read."""

    exit_code = 17


class RosterError(ImportSourceError):
    """A roster has unknown columns, is not UTF-8 or is no roster; the message says which."""

    exit_code = 18


class TargetUnreachableError(DeviceError, ValueError):
    """The installed model cannot meet `target_fpir` with this many people enrolled."""

    exit_code = 37


class ControlError(DeviceError, OSError):
    """The control socket cannot be made or does not answer, or what was asked is refused; the message says which."""

    exit_code = 83


class EnrolmentError(DeviceError):
    """A live enrolment ended without enrolling anybody; nothing was written but that fact."""

    exit_code = 86


class EnrolmentStalledError(EnrolmentError):
    """A step of a live enrolment made no progress for too long; the message says what was wrong."""

    exit_code = 87


class AttackShownError(EnrolmentError):
    """A presentation attack was shown to a live enrolment."""

    exit_code = 88


class CaptureError(DeviceError):
    """An attempt that `lintel measure pad --capture` recorded cannot be read."""

    exit_code = 90


class CaptureUnreadableError(CaptureError):
    """The file was changed, cut off or moved to another species, or is no captured attempt."""

    exit_code = 91


class CaptureKeyMissingError(CaptureError, LookupError):
    """The attempt is sealed with a site key that is not on this device, or not any more."""

    exit_code = 92


class AuditError(DeviceError):
    """The audit log cannot be written or read. What cannot be recorded does not happen."""

    exit_code = 50


class AuditBrokenError(AuditError):
    """The hash chain of the audit log does not hold; the message names the first bad row."""

    exit_code = 51
