"""Colour spaces that HEIC and AVIF files state by numbers (CICP, ITU-T H.273), as ICC profiles."""

from __future__ import annotations

import struct

import numpy as np

from faceveil.types import Float64Array

HDR = frozenset({16, 18})
"""Transfer characteristics of HDR: PQ and HLG."""

_PLAIN = {(1, 13), (1, 1), (1, 6), (1, 2), (2, 2), (2, 13), (2, 1), (2, 6)}  # shown as sRGB
_D65 = (0.3127, 0.3290)
_PRIMARIES = {
    1: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060)),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),  # BT.2020
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),  # Display P3
}
_SRGB, _LINEAR, _BT709, _POWERS = 13, 8, (1, 6, 14, 15), {4: 2.2, 5: 2.8}
_D50 = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
_STEPS = 1024


def cicp_profile(primaries: int, transfer: int) -> bytes | None:
    """An ICC profile of a colour space by its numbers.

    Args:
        primaries: colour primaries, such as 12 for Display P3.
        transfer: transfer characteristics, such as 13 for the curve of sRGB.

    Returns:
        None where it is shown as sRGB, or is HDR or rare.
    """
    if (primaries, transfer) in _PLAIN or primaries not in _PRIMARIES:
        return None
    x = np.linspace(0, 1, _STEPS)
    if transfer == _SRGB:
        light = np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)
    elif transfer in _BT709:
        light = np.where(x < 0.081, x / 4.5, ((x + 0.099) / 1.099) ** (1 / 0.45))
    elif transfer == _LINEAR or transfer in _POWERS:
        light = x ** _POWERS.get(transfer, 1.0)
    else:
        return None
    curve = np.rint(light * 65535).astype(">u2").tobytes()
    return _profile(_colourants(primaries), b"curv" + bytes(4) + struct.pack(">I", _STEPS) + curve)


def _colourants(primaries: int) -> Float64Array:
    """XYZ of red, green and blue in rows, adapted from D65 to D50."""
    xyz = np.array([(x / y, 1, (1 - x - y) / y) for x, y in (*_PRIMARIES[primaries], _D65)])
    white = xyz[3]
    matrix = xyz[:3] * np.linalg.solve(xyz[:3].T, white)[:, None]
    gain = (_BRADFORD @ _D50) / (_BRADFORD @ white)
    adapted = np.linalg.inv(_BRADFORD) @ np.diag(gain) @ _BRADFORD
    return np.asarray(matrix @ adapted.T, np.float64)


def _profile(colourants: Float64Array, curve: bytes) -> bytes:
    """A display profile of ICC version 2: three colours and one curve for all."""
    name = b"FaceVeil, from CICP\0"
    desc = b"desc" + bytes(4) + struct.pack(">I", len(name)) + name + bytes(78)
    tags = {b"desc": desc, b"cprt": b"text" + bytes(4) + b"CC0\0", b"wtpt": _xyz(_D50)}
    tags |= dict(zip((b"rXYZ", b"gXYZ", b"bXYZ"), map(_xyz, colourants), strict=True))
    start = 128 + 4 + 12 * (len(tags) + 3)
    table, body = b"", b""
    for kind, content in tags.items():
        table += struct.pack(">4sII", kind, start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    for kind in (b"rTRC", b"gTRC", b"bTRC"):
        table += struct.pack(">4sII", kind, start + len(body), len(curve))
    body += curve + bytes(-len(curve) % 4)
    head = struct.pack(">I4xI4s4s4s", start + len(body), 0x02400000, b"mntr", b"RGB ", b"XYZ ")
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + _xyz(_D50)[8:]
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags) + 3) + table + body


def _xyz(values: Float64Array) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(float(v) * 65536) for v in values))
