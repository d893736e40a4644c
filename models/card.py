"""What a network that is installed on this machine looks like to those who use it."""

from __future__ import annotations

from dataclasses import dataclass, field

from models.manifest import Alignment, InputSpec, Network, OperatingPoint, OutputSpec, Precision, Role


@dataclass(frozen=True, slots=True)
class ModelCard:
    """One installed network: what it takes and gives, which build of it runs here, and what was measured of that."""

    name: str  # key in the manifest
    network: Network = field(repr=False)
    precision: Precision  # the build that runs on this machine
    sha256: str  # of the build's file
    reason: str  # why this build, in one sentence

    @property
    def role(self) -> Role:
        """What it does in the appliance."""
        return self.network.role

    @property
    def model_id(self) -> str:
        """The space of its outputs: templates of different model ids must never be compared."""
        return self.network.model_id

    @property
    def input(self) -> InputSpec:
        """Shape, colour order and normalisation of its one input."""
        return self.network.input

    @property
    def outputs(self) -> tuple[OutputSpec, ...]:
        """What `infer` returns, in this order."""
        return self.network.outputs

    @property
    def crop_scale(self) -> float | None:
        """The side of the input region in face boxes; None where alignment defines the region."""
        return self.network.crop_scale

    @property
    def alignment(self) -> Alignment | None:
        """How the face is laid out in the input; None where crop_scale defines the region."""
        return self.network.alignment

    @property
    def margin_scale(self) -> float:
        """What a margin between scores is multiplied by for this network, so that one setting fits all of them.

        Margins are configured for MobileFaceNet's scores; another network's lie closer together or further apart.
        """
        return self.network.margin_scale

    @property
    def operating_points(self) -> tuple[OperatingPoint, ...]:
        """What thresholds on the comparison score mean for the build that runs here, by falling fmr; empty for a
        network that makes no templates.
        """
        return self.network.build(self.precision).operating_points
