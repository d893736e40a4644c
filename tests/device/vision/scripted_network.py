"""An InferenceSession that answers what a test wrote down and keeps what it was shown."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


class ScriptedNetwork:
    """Returns `answers`, whatever it is shown."""

    def __init__(self, *answers: NDArray[np.float32]) -> None:
        self.answers = answers
        self.seen: list[NDArray[np.float32]] = []

    def infer(self, tensor: NDArray[np.float32]) -> tuple[NDArray[Any], ...]:
        self.seen.append(tensor.copy())
        return self.answers
