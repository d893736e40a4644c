"""Coded light: does the face answer the door's own lamps, and with the shape of a face?

One or two emitters on the device's own pins flash in a code that is drawn for each attempt. What comes back from the
face region is compared with the code. What it stops: injected streams and recordings, which cannot know the code;
screens, which shine by themselves and reflect little; with two emitters prints, flat or bent, which answer without a
nose. What it cannot: a mask, which has a shape; anything in sunlight, which drowns the lamps: then it cannot tell.

Pure: the code says what should be lit when, the readings come from `read_light`, `judge_light` compares them.
"""

from __future__ import annotations

import math
import random
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import pairwise

import cv2
import numpy as np

from device.config import LivenessSettings
from device.liveness.canonical import Floats
from device.types import Image, Mesh
from device.vision.align import five_points, similarity, warp

CHIP_PX = 96
_LAYOUT = np.array([(36.0, 36.0), (60.0, 36.0), (48.0, 50.0), (38.5, 65.0), (57.5, 65.0)], np.float32)
COLUMNS_AT_LEAST = 8  # of them must have answered clearly
CLEAR = 0.16  # standard error of the balance in one column
COLUMNS = 12  # across the face, in the band of the nose
_FACE = slice(24, 76), slice(26, 70)
_BAND = slice(40, 58), slice(20, 76)  # between the eyes and the mouth, ear to ear
SATURATED, BLACK = 250, 6  # levels beyond which a pixel no longer follows the light
FREE_OF_CLIPPING = 0.7  # at least this share of the face must be between them
STEPS_AT_LEAST = 0.75  # of the code's steps must have been seen
LAGS_S = tuple(0.02 * n for n in range(-2, 9))  # between what the door believes and when the sensor saw it
EXPOSED_S = 0.04  # exposure and a rolling shutter's readout together; a frame with a switch within it is left out
BESIDE = 0.5  # face widths beside the face where the surroundings begin
BLUR_AT_MOST = 0.08  # standard error of the balance between the emitters; beyond, the shape cannot be told
BLUR_TO_ACCUSE = 0.03  # calling a person flat needs a clearer picture than calling them a face
TREND = 4  # polynomial terms: slow changes of light and posture are no answer

SECURE = secrets.SystemRandom()


class LightAnswer(Enum):
    """What the lamps' echo says."""

    FACE = "face"  # answers, with the shape of a face
    FOLLOWS = "follows"  # answers; with one emitter its shape cannot be seen
    FLAT = "flat"  # answers without the shape of a face: a print
    SILENT = "silent"  # does not answer although its surroundings do: a screen
    UNKNOWN = "unknown"  # saturated, too bright or too dark surroundings, too few frames: cannot tell


@dataclass(frozen=True, slots=True)
class LightCode:
    """Which emitters are lit in each step: columns left and right."""

    lit: tuple[tuple[bool, bool], ...]
    step_s: float

    @property
    def duration_s(self) -> float:
        return len(self.lit) * self.step_s

    def flashes(self, left: str, right: str) -> tuple[str, ...]:
        """The code in the words of the door daemon, for emitters of these names; `right` may be empty."""
        steps = []
        for is_left, is_right in self.lit:
            names = [name for name, is_lit in ((left, is_left), (right, is_right)) if is_lit and name]
            steps.append("+".join(names) or "dark")
        return tuple(steps)


@dataclass(frozen=True, slots=True, eq=False)
class LightReading:
    """One frame: how bright the face and its surroundings were, levels of 0 to 255."""

    at: float  # capture time, monotonic seconds
    face: float
    columns: Floats  # (12,) across the band of the nose, from the left of the picture
    surroundings: float
    usable: float  # [0, 1], the share of the face that is neither saturated nor black


@dataclass(frozen=True, slots=True)
class LightEcho:
    """What came back. All shares are of the face's own brightness."""

    response: float  # of the face, to the emitters together
    certainty: float  # that response by its standard error
    surroundings: float  # certainty of the surroundings' response
    shape: float  # how much more the left half answers the left emitter; 0 with one emitter
    relief: float  # how far the nose departs from the answer of a bent sheet
    answer: LightAnswer


def draw_code(settings: LivenessSettings, source: random.Random = SECURE) -> LightCode:
    """A random code in which each emitter, and each pair of states, is lit equally often; one state at most thrice."""
    states = [(left, right) for left in (False, True) for right in (False, True)]
    if not settings.light_right:
        states = [(False, False), (True, False)]
    steps = (states * (settings.light_steps // len(states) + 1))[: settings.light_steps]
    while True:
        source.shuffle(steps)
        if all(len(set(steps[i : i + 4])) > 1 for i in range(len(steps) - 3)):
            return LightCode(tuple(steps), settings.light_step_s)


def read_light(image: Image, mesh: Mesh, *, at: float) -> LightReading:
    """Measure the face under `mesh` in `image`, (height, width, 3) uint8 BGR, and what lies beside it."""
    chip = cv2.cvtColor(warp(image, similarity(five_points(mesh), _LAYOUT), CHIP_PX), cv2.COLOR_BGR2GRAY)
    face = chip[_FACE]
    band = chip[_BAND].astype(np.float64).mean(axis=0)
    edges = np.linspace(0, len(band), COLUMNS + 1).round().astype(int)
    columns = np.array([band[a:b].mean() for a, b in pairwise(edges)])
    usable = float(((face < SATURATED) & (face > BLACK)).mean())
    return LightReading(at, float(face.mean()), columns, _beside(image, mesh), usable)


def _beside(image: Image, mesh: Mesh) -> float:
    """Mean level left and right of the person; not a number where the face fills the frame."""
    low, high = float(mesh.points[:, 0].min()), float(mesh.points[:, 0].max())
    reach = BESIDE * (high - low)
    left = image[::8, : max(0, int(low - reach)) : 8].reshape(-1, 3)
    right = image[::8, max(0, int(high + reach)) :: 8].reshape(-1, 3)
    around = np.concatenate([left, right])
    return float(around.mean()) if len(around) else float("nan")


def judge_light(
    code: LightCode, readings: Sequence[LightReading], *, began_at: float, settings: LivenessSettings
) -> LightEcho:
    """Compare what was seen with the code that began at `began_at`.

    A linear model for each signal: a slow trend plus an amplitude for each emitter, by least squares; the lag with the
    smallest residual of the face wins. The certainty is Student's ratio of amplitude and standard error.
    """
    seen = [one for one in readings if began_at <= one.at < began_at + code.duration_s + code.step_s]
    if len(seen) < STEPS_AT_LEAST * len(code.lit) or np.mean([one.usable for one in seen]) < FREE_OF_CLIPPING:
        return LightEcho(0.0, 0.0, 0.0, 0.0, 0.0, LightAnswer.UNKNOWN)
    face = np.array([one.face for one in seen])
    times = np.array([one.at for one in seen])
    models = [_model(code, times, began_at + lag_s) for lag_s in LAGS_S]
    count = 2 if _is_pair(code) else 1
    model, clear = min(models, key=lambda one: _Fit.of(one[0][one[1]], face[one[1]], emitters=count).residual)

    def explained(signals: Floats) -> _Fit:
        return _Fit.of(model[clear], signals[clear], emitters=count)

    fit, around = explained(face), explained(np.nan_to_num(np.array([one.surroundings for one in seen])))
    shape, relief, blur = 0.0, 0.0, 0.0
    if _is_pair(code):
        shape, relief, blur = _shape(explained(np.stack([one.columns for one in seen])))
    response = float(fit.amplitudes.sum() / max(float(face.mean()), 1.0))
    echo = LightEcho(response, fit.certainty, around.certainty, shape, relief, LightAnswer.UNKNOWN)
    answer = _answer(echo, settings, is_pair=_is_pair(code))
    blur_at_most = {LightAnswer.FACE: BLUR_AT_MOST, LightAnswer.FLAT: BLUR_TO_ACCUSE}.get(answer, math.inf)
    return replace(echo, answer=answer) if blur <= blur_at_most else echo


def _answer(echo: LightEcho, settings: LivenessSettings, *, is_pair: bool) -> LightAnswer:
    if echo.certainty >= settings.min_light_certainty and echo.response >= settings.min_light_response:
        if not is_pair:
            return LightAnswer.FOLLOWS
        has_shape = echo.shape >= settings.min_light_shape and echo.relief >= settings.min_light_relief
        return LightAnswer.FACE if has_shape else LightAnswer.FLAT
    if echo.surroundings >= settings.min_light_certainty:
        return LightAnswer.SILENT  # the lamps reach the wall behind, so they would reach a face
    return LightAnswer.UNKNOWN


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    """A signal, or several, explained by a trend and the emitters."""

    amplitudes: Floats  # (emitters, signals) levels
    errors: Floats  # (emitters, signals) their standard errors
    certainty: float  # of the sum of the amplitudes of the first signal
    residual: float  # mean square

    @classmethod
    def of(cls, model: Floats, signal: Floats, *, emitters: int) -> _Fit:
        columns = signal.reshape(len(signal), -1)
        inverse = np.linalg.pinv(model)
        found = inverse @ columns
        rest = columns - model @ found
        freedom = max(1, len(model) - model.shape[1])
        variance = np.maximum((rest**2).sum(axis=0) / freedom, 1e-6)
        spread = inverse @ inverse.T
        over = np.zeros(model.shape[1])
        over[-emitters:] = 1.0
        certainty = float(found[-emitters:, 0].sum() / np.sqrt(variance[0] * (over @ spread @ over)))
        errors = np.sqrt(np.outer(np.diag(spread)[-emitters:], variance))
        return cls(found[-emitters:], errors, certainty, float((rest**2).mean()))


def _is_pair(code: LightCode) -> bool:
    return any(right for _, right in code.lit)


def _model(code: LightCode, times: Floats, began_at: float) -> tuple[Floats, Floats]:
    """(frames, TREND + emitters): a slow trend, and whether each emitter was lit; and which frames saw no switch."""
    span = 2.0 * (times - times.mean()) / max(float(np.ptp(times)), 1e-6)
    states = np.array([*code.lit, (False, False)], float)
    steps = [np.floor((times - began_at + late) / code.step_s).astype(int) for late in (0.0, EXPOSED_S)]
    first, last = (states[np.where((step < 0) | (step >= len(code.lit)), -1, step)] for step in steps)
    lit = first if _is_pair(code) else first[:, :1]
    return np.column_stack([np.vander(span, TREND), lit]), (first == last).all(axis=1)


def _shape(columns: _Fit) -> tuple[float, float, float]:
    """How the answer to the left emitter against the right one runs across the face: slope, relief, and their blur.

    Their normalised difference does not depend on the colour of the skin or the print. On a sheet, flat or bent, it
    runs smoothly, a cubic at most; on a face the flanks of the nose break it. Blur is its standard error.
    """
    left, right = np.maximum(columns.amplitudes, 0.0)
    total = np.maximum(left + right, 1e-6)
    balance, error = (left - right) / total, np.hypot(*columns.errors) / total
    clear = error <= CLEAR  # hair, and what lies beside a narrow face, answers little
    if clear.sum() < COLUMNS_AT_LEAST:
        return 0.0, 0.0, float("inf")
    across = np.linspace(-1.0, 1.0, COLUMNS)[clear]
    terms = np.vander(across, 4)
    rest = balance[clear] - terms @ np.linalg.lstsq(terms, balance[clear], rcond=None)[0]
    blur = float(np.sqrt((error[clear] ** 2).mean()))
    halves = balance[clear][across > 0], balance[clear][across < 0]
    if not all(len(half) for half in halves):
        return 0.0, 0.0, float("inf")
    relief = max(0.0, float((rest**2).mean()) - blur**2)  # noise makes relief of its own
    return float(halves[0].mean() - halves[1].mean()), float(np.sqrt(relief)), blur  # the subject's left is at +1
