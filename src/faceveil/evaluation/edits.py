"""What happens to photos once they are published: does the change survive it?"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
from PIL import Image

from faceveil.errors import OptionError
from faceveil.types import Uint8Array

SCREEN = (1280, 720)
"""Width and height in pixels that a screenshot shows a photo in."""

_SHOWN = (
    1.1  # times its size that a small photo is shown in at most, so that no pixel is left alone
)


@dataclass(frozen=True, slots=True)
class Edit:
    """One edit.

    Attributes:
        name: as the user says it.
        apply: (H, W, 3) uint8 RGB -> the same shape: whatever size the edit left is brought back,
            so that the faces are where they were.
    """

    name: str
    apply: Callable[[Uint8Array], Uint8Array]


def edits_of(text: str) -> tuple[Edit, ...]:
    """Edits from a list such as ``jpeg60,resize50,screenshot``.

    ``jpegQ`` writes a JPEG of quality Q (1 to 100); ``resizeP`` shrinks both sides to P percent
    (1 to 99); ``screenshot`` shows the photo in 1280 x 720 pixels, small ones at 110 %, and takes
    what the screen shows.

    Args:
        text: names, separated by commas; each is done on its own.

    Raises:
        OptionError: if there is no such edit.
    """
    return tuple(_edit(name.strip()) for name in text.split(","))


def _edit(name: str) -> Edit:
    if name == "screenshot":
        return Edit(name, _screenshot)
    found = re.fullmatch(r"(jpeg|resize)([0-9]{1,3})", name)
    number = int(found[2]) if found else 0
    if found and found[1] == "jpeg" and 1 <= number <= 100:
        return Edit(name, partial(_jpeg, quality=number))
    if found and found[1] == "resize" and 1 <= number <= 99:
        return Edit(name, partial(_resized, scale=number / 100))
    raise OptionError(
        f"--after: got {name!r}; expected jpeg1 to jpeg100, resize1 to resize99, or screenshot, "
        "such as jpeg60,resize50,screenshot"
    )


def _jpeg(image: Uint8Array, quality: int) -> Uint8Array:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer).convert("RGB"))


def _screenshot(image: Uint8Array) -> Uint8Array:
    height, width = image.shape[:2]
    return _resized(image, min(SCREEN[0] / width, SCREEN[1] / height, _SHOWN))


def _resized(image: Uint8Array, scale: float) -> Uint8Array:
    height, width = image.shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    seen = cv2.resize(image, size, interpolation=method)
    back = cv2.INTER_CUBIC if scale < 1 else cv2.INTER_AREA
    return np.asarray(cv2.resize(seen, (width, height), interpolation=back), np.uint8)
