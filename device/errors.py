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
    │   ├── ConsentMissingError (ValueError)  nobody is enrolled without having agreed to it           84
    │   ├── LookAlikeError (ValueError)       another enrolled person looks too much like this one 38
    │   ├── StorageUnwritableError (PermissionError)  the file or its folder may not be written    39
    │   ├── SiteKeyError                      the site key cannot be read, written or trusted      80
    │   │   └── SiteKeyMissingError (LookupError)  the collection is sealed with a key not here     81
    │   └── BackupError                       a backup cannot be made, or must not be restored     82
    ├── TargetUnreachableError (ValueError)   the model cannot meet target_fpir at this gallery    37
    ├── ControlError (OSError)                the control socket does not answer, or refuses       83
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


class TargetUnreachableError(DeviceError, ValueError):
    """The installed model cannot meet `target_fpir` with this many people enrolled."""

    exit_code = 37


class ControlError(DeviceError, OSError):
    """The control socket cannot be made or does not answer, or what was asked is refused; the message says which."""

    exit_code = 83


class AuditError(DeviceError):
    """The audit log cannot be written or read. What cannot be recorded does not happen."""

    exit_code = 50


class AuditBrokenError(AuditError):
    """The hash chain of the audit log does not hold; the message names the first bad row."""

    exit_code = 51
