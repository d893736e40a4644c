"""What can go wrong at the door.

    BridgeError
    ├── DoorUnreachableError (ConnectionError)  the daemon does not answer                          60
    ├── CommandRefusedError (PermissionError)   the daemon answered, and said no                    61
    ├── PinConflictError                        another device owns a pin                           62
    ├── LineError (OSError)                     a pin or line cannot be driven or read              63
    ├── PinFactoryError (LookupError)           the named pin factory is not on this machine        64
    ├── ProtocolError (ValueError)              a message is not one of ours                        65
    ├── SpoolError (OSError)                    the event spool cannot be opened                    66
    ├── DaemonRunningError                      another door daemon owns this socket                67
    └── DoorConfigError (ValueError)            the daemon's configuration cannot be accepted       78

The number is the exit code of the `lintel` command.
"""

from __future__ import annotations

from typing import ClassVar


class BridgeError(Exception):
    """Root of the door's errors."""

    exit_code: ClassVar[int] = 70


class DoorUnreachableError(BridgeError, ConnectionError):
    """The door daemon does not answer on its socket."""

    exit_code = 60


class CommandRefusedError(BridgeError, PermissionError):
    """The door daemon refused a command; the message says why."""

    exit_code = 61


class PinConflictError(BridgeError):
    """Another device, or another process, owns the pin."""

    exit_code = 62


class LineError(BridgeError, OSError):
    """A pin or a line cannot be driven or read."""

    exit_code = 63


class PinFactoryError(BridgeError, LookupError):
    """The pin factory that the configuration names is not on this machine."""

    exit_code = 64


class ProtocolError(BridgeError, ValueError):
    """Bytes or bits that are not a message of the protocol they claim."""

    exit_code = 65


class SpoolError(BridgeError, OSError):
    """The event spool cannot be opened at the start; later faults of it are the door's status, not an exception."""

    exit_code = 66


class DaemonRunningError(BridgeError):
    """Another door daemon already owns this socket and this state folder."""

    exit_code = 67


class DoorConfigError(BridgeError, ValueError):
    """The door daemon's configuration cannot be accepted; the message names section and key."""

    exit_code = 78
