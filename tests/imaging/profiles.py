"""Colour spaces written by hand: ICC profiles of a matrix and a power, and what a viewer shows."""

import struct

import numpy as np

# XYZ of red, green and blue, adapted to D50.
SRGB = np.array([(0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141)])
DISPLAY_P3 = np.array(
    [(0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841)]
)
ADOBE_RGB = np.array([(0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609), (0.1492, 0.0632, 0.7446)])
PROPHOTO = np.array([(0.7977, 0.2880, 0.0), (0.1352, 0.7119, 0.0), (0.0313, 0.0001, 0.8249)])
SPACES = {"P3": (DISPLAY_P3, 2.2), "Adobe RGB": (ADOBE_RGB, 2.2), "ProPhoto": (PROPHOTO, 1.8)}
_WHITE = np.array([0.9642, 1.0, 0.8249])


def profile(primaries, gamma, name="made by hand"):
    """An ICC profile, version 2, as bytes."""

    def fixed(values):
        return b"".join(struct.pack(">i", round(float(v) * 65536)) for v in values)

    def xyz(values):
        return b"XYZ " + bytes(4) + fixed(values)

    text = name.encode()
    desc = b"desc" + bytes(4) + struct.pack(">I", len(text) + 1) + text + bytes(1 + 8 + 3 + 67)
    tags = {b"desc": desc, b"cprt": b"text" + bytes(4) + b"none\0", b"wtpt": xyz(_WHITE)}
    grey = primaries is None
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    if grey:
        tags[b"kTRC"] = curve
    else:
        tags |= dict(zip((b"rXYZ", b"gXYZ", b"bXYZ"), map(xyz, primaries), strict=True))
        tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    table, body, at = b"", b"", 128 + 4 + 12 * len(tags)
    for key, value in tags.items():
        value += bytes(-len(value) % 4)
        table += struct.pack(">4sII", key, at, len(value))
        body, at = body + value, at + len(value)
    kind = b"GRAY" if grey else b"RGB "
    head = struct.pack(">I4sI4s4s4s", at, b"lcms", 0x02400000, b"mntr", kind, b"XYZ ")
    head += struct.pack(">6H", 2024, 1, 1, 0, 0, 0) + b"acspMSFT" + bytes(20) + fixed(_WHITE)
    head += b"lcms" + bytes(128 - len(head) - 4)
    return head + struct.pack(">I", len(tags)) + table + body


def srgb_light(pixels):
    """Linear light of sRGB numbers in [0, 1]."""
    return np.where(pixels <= 0.04045, pixels / 12.92, ((pixels + 0.055) / 1.055) ** 2.4)


def seen(pixels, primaries, gamma):
    """CIELAB (D50) of what a colour-managed viewer shows; gamma None for the curve of sRGB."""
    numbers = pixels / np.iinfo(pixels.dtype).max
    light = srgb_light(numbers) if gamma is None else numbers**gamma
    xyz = light @ primaries / _WHITE
    f = np.where(xyz > 216 / 24389, np.cbrt(np.maximum(xyz, 0)), (24389 / 27 * xyz + 16) / 116)
    return np.stack(
        [116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1
    )


def written_in(srgb, primaries, gamma, kind=np.uint8):
    """The same colours in another space: (H, W, 3) uint8 sRGB to numbers of that space."""
    light = srgb_light(srgb / 255) @ SRGB @ np.linalg.inv(primaries)
    top = np.iinfo(kind).max
    return np.rint(np.clip(light, 0, 1) ** (1 / gamma) * top).astype(kind)
