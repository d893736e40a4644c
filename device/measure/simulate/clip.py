"""A real video as a visitor."""

from __future__ import annotations

from pathlib import Path

from device.errors import VideoUnreadableError
from device.measure.simulate.lens import Lens
from device.types import Image


class Clip:
    """A stretch of a video file, cropped about its centre to the lens's proportions and scaled to its size.

    Decodes forward only, so that `frame_at` with growing times is cheap; going back seeks, which may be slow.
    """

    def __init__(self, file: Path, *, start_s: float = 0.0, lens: Lens | None = None) -> None:
        """Raises VideoUnreadableError when `file` cannot be opened or has no frame at `start_s`."""
        import cv2

        self._file, self._lens, self._start_s = file, lens or Lens(), start_s
        self._capture = cv2.VideoCapture(str(file))
        self._rate_hz = float(self._capture.get(cv2.CAP_PROP_FPS)) if self._capture.isOpened() else 0.0
        if self._rate_hz <= 0:
            raise VideoUnreadableError(f"{file} is not a video that can be read")
        self._frames = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        self._next = 0
        self._shown = self._read(round(start_s * self._rate_hz))

    @property
    def duration_s(self) -> float:
        """From the start of the stretch to the end of the file; 0 where the file does not tell."""
        return max(0.0, self._frames / self._rate_hz - self._start_s)

    def frame_at(self, t_s: float) -> Image:
        """The picture `t_s` seconds into the stretch; after the end, whatever was shown last."""
        wanted = round((self._start_s + t_s) * self._rate_hz)
        if wanted != self._next - 1 and (wanted < self._frames or self._frames <= 0):
            self._shown = self._read(wanted)
        return self._shown

    def close(self) -> None:
        """Let the file go."""
        self._capture.release()

    def _read(self, number: int) -> Image:
        """Decode frame `number`."""
        import cv2

        if number < self._next:
            self._capture.set(cv2.CAP_PROP_POS_FRAMES, number)
            self._next = number
        while self._next < number and self._capture.grab():
            self._next += 1
        is_read, image = self._capture.read()
        self._next += 1
        if not is_read:
            raise VideoUnreadableError(f"{self._file} has no frame {number}")
        return fit_frame(image, self._lens)


def fit_frame(image: Image, lens: Lens) -> Image:
    """`image` cropped about its centre to the lens's proportions, never stretched, and scaled to its size."""
    import cv2

    height, width = image.shape[:2]
    keep_width = min(width, round(height * lens.width_px / lens.height_px))
    keep_height = min(height, round(width * lens.height_px / lens.width_px))
    left, top = (width - keep_width) // 2, (height - keep_height) // 2
    part = image[top : top + keep_height, left : left + keep_width]
    method = cv2.INTER_AREA if keep_width > lens.width_px else cv2.INTER_LINEAR
    scaled: Image = cv2.resize(part, (lens.width_px, lens.height_px), interpolation=method)
    return scaled
