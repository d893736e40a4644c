"""What a door may have besides a lock: a panel, a reader, simulated pins."""

from __future__ import annotations

from dataclasses import dataclass

from firmware_bridge.osdp import OsdpReader
from firmware_bridge.presenter import CardPresenter
from firmware_bridge.reader import CardReader
from firmware_bridge.wires import MockBoard

NOT_FITTED = "not_fitted"


@dataclass(frozen=True, slots=True)
class Extras:
    """Each is None where it is not fitted."""

    presenter: CardPresenter
    panel: OsdpReader | None
    reader: CardReader | None
    mock: MockBoard | None
    advice: tuple[str, ...] = ()  # to whoever installed the machine

    @property
    def panel_link(self) -> str:
        """How the OSDP link is."""
        return NOT_FITTED if self.panel is None else self.panel.link

    @property
    def panel_key(self) -> str:
        """The fingerprint of the panel's key; empty: none."""
        return "" if self.panel is None else self.panel.key_fingerprint
