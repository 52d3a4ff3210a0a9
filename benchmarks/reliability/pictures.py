"""Whole pictures in many formats, as the seeds that :mod:`.mutants` damages."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

PORTRAIT = Path(__file__).parents[2] / "src" / "faceveil" / "assets" / "astronaut.png"


def portrait(size: int = 256) -> Image.Image:
    """The bundled public-domain portrait, the face in the middle: RGB of ``size`` pixels."""
    with Image.open(PORTRAIT) as image:
        return image.convert("RGB").crop((128, 0, 384, 256)).resize((size, size))


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    """The bytes of a picture in a format of Pillow's."""
    buffer = io.BytesIO()
    if "append_images" in options:
        options["append_images"] = [other.copy() for other in options["append_images"]]
    image.copy().save(buffer, kind, **options)  # saving as JPEG leaves settings on an image
    return buffer.getvalue()


def _deep(image: Image.Image, suffix: str, channels: int) -> bytes:
    pixels = np.asarray(image.convert("RGBA"))[..., [2, 1, 0, 3]].astype(np.uint16) * 257
    part = pixels[..., 0] if channels == 1 else np.ascontiguousarray(pixels[..., :channels])
    return bytes(cv2.imencode(suffix, part)[1].tobytes())


@cache
def whole_pictures(size: int = 192) -> dict[str, bytes]:
    """Good files by a name that says what they are; some are of formats that FaceVeil refuses."""
    rgb = portrait(size)
    clear = rgb.copy()
    clear.putalpha(200)
    other = rgb.rotate(90)
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "camera"
    frames: dict[str, Any] = {"save_all": True, "append_images": [other]}
    found = {
        "jpeg": encoded(rgb, "JPEG", quality=85),
        "jpeg-progressive": encoded(rgb, "JPEG", progressive=True, exif=exif.tobytes()),
        "jpeg-grey": encoded(rgb.convert("L"), "JPEG"),
        "jpeg-cmyk": encoded(rgb.convert("CMYK"), "JPEG"),
        "jpeg-mpo": encoded(rgb, "MPO", **frames),
        "png": encoded(rgb, "PNG"),
        "png-alpha": encoded(clear, "PNG"),
        "png-grey-alpha": encoded(clear.convert("LA"), "PNG"),
        "png-palette": encoded(rgb.convert("P"), "PNG", transparency=3),
        "png-bilevel": encoded(rgb.convert("1"), "PNG"),
        "png-16-grey": _deep(rgb, ".png", 1),
        "png-16-rgb": _deep(rgb, ".png", 3),
        "png-16-alpha": _deep(rgb, ".png", 4),
        "png-animated": encoded(rgb, "PNG", **frames),
        "webp": encoded(rgb, "WEBP"),
        "webp-lossless": encoded(rgb, "WEBP", lossless=True, exif=exif.tobytes()),
        "webp-alpha": encoded(clear, "WEBP"),
        "webp-animated": encoded(rgb, "WEBP", **frames),
        "tiff": encoded(rgb, "TIFF"),
        "tiff-lzw": encoded(rgb, "TIFF", compression="tiff_lzw"),
        "tiff-deflate": encoded(clear, "TIFF", compression="tiff_adobe_deflate"),
        "tiff-packbits": encoded(rgb.convert("L"), "TIFF", compression="packbits"),
        "tiff-jpeg": encoded(rgb, "TIFF", compression="jpeg"),
        "tiff-group4": encoded(rgb.convert("1"), "TIFF", compression="group4"),
        "tiff-cmyk": encoded(rgb.convert("CMYK"), "TIFF"),
        "tiff-lab": encoded(rgb.convert("HSV").convert("RGB").convert("L").convert("F"), "TIFF"),
        "tiff-16": _deep(rgb, ".tiff", 3),
        "tiff-pages": encoded(rgb, "TIFF", **frames),
        "bmp": encoded(rgb, "BMP"),
        "bmp-palette": encoded(rgb.convert("P"), "BMP"),
        "bmp-bilevel": encoded(rgb.convert("1"), "BMP"),
        "gif": encoded(rgb, "GIF"),
        "gif-animated": encoded(rgb, "GIF", **frames),
        "ico": encoded(rgb, "ICO"),
        "ppm": encoded(rgb, "PPM"),
        "pdf": encoded(rgb, "PDF"),
        "tga": encoded(rgb, "TGA"),
        "svg": b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
    }
    for name, kind in (("jpeg2000", "JPEG2000"), ("avif", "AVIF")):
        try:
            found[name] = encoded(rgb, kind)
        except (KeyError, OSError):  # not in every build of Pillow
            continue
    return found
