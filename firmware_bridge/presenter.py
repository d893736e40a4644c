"""Telling an access control panel a card number, as if a card had been shown: by Wiegand, by OSDP, or by both."""

from __future__ import annotations

from dataclasses import dataclass

from firmware_bridge.errors import LineError
from firmware_bridge.osdp import OsdpReader
from firmware_bridge.sections import WiegandSection
from firmware_bridge.wiegand import Credential, Format, encode
from firmware_bridge.wiegand_lines import WaveChip, wave


@dataclass(frozen=True, slots=True)
class CardPresenter:
    """The panel's side of a grant. Without a wave chip and without a reader there is no panel."""

    format: Format
    wiegand: WiegandSection
    wave_chip: WaveChip | None
    osdp: OsdpReader | None

    @property
    def is_fitted(self) -> bool:
        """Whether there is any panel to tell."""
        return self.wave_chip is not None or self.osdp is not None

    def present(self, credential: Credential) -> None:
        """Tell the panel. Raises ProtocolError for a number that does not fit the format, LineError for a dead line."""
        bits = encode(credential, self.format)
        if self.wave_chip is not None:
            if self.wave_chip.is_playing():
                raise LineError("wiegand: the card before is still being sent")
            timing = self.wiegand
            self.wave_chip.play(wave(bits, pulse_us=timing.pulse_us, interval_us=timing.interval_us))
        if self.osdp is not None:
            self.osdp.present(bits)
