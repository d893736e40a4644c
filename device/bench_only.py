"""What may only happen on a bench: a door without liveness."""

from __future__ import annotations

from typing import Protocol

from device.config import LivenessSettings
from device.errors import ConfigError
from firmware_bridge.errors import BridgeError


class PinHistory(Protocol):
    """The part of the door daemon that only mock pins answer."""

    def pin_levels(self) -> object:
        """Raises BridgeError unless the pins are mock pins."""
        ...


def refuse_unchecked_doors(settings: LivenessSettings, door: PinHistory) -> None:
    """Raises ConfigError when liveness is off and the door daemon does not say that its pins are mock pins.

    A daemon that cannot be asked counts as real: a bench has it running.
    """
    if settings.mode != "off":
        return
    try:
        door.pin_levels()
    except BridgeError as error:
        raise ConfigError(f"[liveness] mode off is for bench work with mock pins only: {error}") from error
