"""Damaged and hostile picture files, the same ones for the same seed."""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.reliability.pictures import encoded, portrait, whole_pictures
from PIL import Image

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".JPG")
PNG = b"\x89PNG\r\n\x1a\n"
SIDES = (0, 1, 2, 7, 32767, 65535, 65536, 100_000, 2**31 - 1, 2**31, 2**32 - 1)


@dataclass(frozen=True, slots=True)
class Mutant:
    """A file: its name, how it was made, and its bytes."""

    name: str
    recipe: str
    data: bytes


def mutants(count: int, seed: int, start: int = 0) -> Iterator[Mutant]:
    """So many files from a number on; each follows from the seed and its number alone."""
    names = sorted(whole_pictures())
    makers = sorted(MAKERS)
    for number in range(start, start + count):
        rng = random.Random(f"{seed}:{number}")
        how, base = makers[number % len(makers)], rng.choice(names)
        data = MAKERS[how](rng, base, whole_pictures()[base])
        suffix = rng.choice(SUFFIXES)
        yield Mutant(f"{number:05}-{how}-{base}{suffix}", f"{how} of {base}", data)


def chunk(kind: bytes, body: bytes, length: int | None = None, crc: int | None = None) -> bytes:
    """A PNG chunk, with a wrong length or checksum where one is given."""
    size = len(body) if length is None else length
    check = zlib.crc32(kind + body) if crc is None else crc
    return struct.pack(">I", size) + kind + body + struct.pack(">I", check)


def ihdr(width: int, height: int, bits: int = 8, colour: int = 2) -> bytes:
    """The header chunk of a PNG."""
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))


def png_chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """The chunks of a whole PNG."""
    found, at = [], len(PNG)
    while at + 8 <= len(data):
        (size,) = struct.unpack(">I", data[at : at + 4])
        found.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + size]))
        at += 12 + size
    return found


def _flip(rng: random.Random, _: str, data: bytes) -> bytes:
    out = bytearray(data)
    # Half of the time in the header, where a bit says most.
    end = len(out) if rng.random() < 0.5 else min(len(out), 200)
    for _i in range(rng.choice((1, 1, 2, 5, 30))):
        out[rng.randrange(end)] ^= 1 << rng.randrange(8)
    return bytes(out)


def _truncate(rng: random.Random, _: str, data: bytes) -> bytes:
    end = len(data) if rng.random() < 0.6 else min(len(data), 300)
    return data[: rng.randrange(end + 1)]


def _splice(rng: random.Random, _: str, data: bytes) -> bytes:
    a, b = sorted(rng.randrange(len(data)) for _ in range(2))
    kind = rng.randrange(5)
    if kind == 0:
        return data[:a] + data[b:]
    if kind == 1:
        return data[:b] + data[a:b] + data[b:]
    if kind == 2:
        return data[:a] + rng.randbytes(rng.randrange(1, 400)) + data[a:]
    fill = b"\0" if kind == 3 else b"\xff"
    return data[:a] + fill * (b - a) + data[b:]


def _sides(rng: random.Random, base: str, data: bytes) -> bytes:
    """Another width and height in the header: none, huge, negative."""
    w, h = rng.choice(SIDES), rng.choice((*SIDES, 100))
    out = bytearray(data)
    if data[:8] == PNG:
        return PNG + ihdr(w, h, data[24], data[25]) + data[33:]
    if data[:2] == b"BM":
        out[18:26] = struct.pack("<II", w, h)
    elif data[:3] == b"GIF":
        out[6:10] = struct.pack("<HH", w & 0xFFFF, h & 0xFFFF)
    elif data[:2] == b"\xff\xd8":
        for marker in (b"\xff\xc0", b"\xff\xc2"):
            at = data.find(marker)
            if at > 0:
                out[at + 5 : at + 9] = struct.pack(">HH", h & 0xFFFF, w & 0xFFFF)
    elif data[:4] == b"RIFF":
        at = 24 if data[12:16] == b"VP8X" else 26
        out[at : at + 4] = rng.randbytes(4)
    elif data[:2] in (b"II", b"MM"):
        return _tiff_tag(rng, data)
    else:
        out[rng.randrange(len(out))] = 0xFF
    return bytes(out)


def _tiff_tag(rng: random.Random, data: bytes) -> bytes:
    """One entry of the first directory of a TIFF, or its link to the next, becomes another."""
    order = "<" if data[:2] == b"II" else ">"
    out = bytearray(data)
    (at,) = struct.unpack(order + "I", data[4:8])
    if at + 2 > len(data):
        return data[:8]
    (count,) = struct.unpack(order + "H", data[at : at + 2])
    if rng.random() < 0.15:  # a directory that follows itself
        out[at + 2 + 12 * count : at + 6 + 12 * count] = struct.pack(order + "I", at)
        return bytes(out)
    entry = at + 2 + 12 * rng.randrange(count)
    part = rng.choice((0, 2, 4, 8))
    size, code = (2, "H") if part < 4 else (4, "I")
    value = rng.choice((0, 1, 3, 7, 255, 65535, 2**31 - 1, 2**32 - 1)) % 2 ** (8 * size)
    out[entry + part : entry + part + size] = struct.pack(order + code, value)
    return bytes(out)


def _chunks(rng: random.Random, base: str, data: bytes) -> bytes:
    """Chunks of a PNG left out, doubled, swapped, lengthened, with wrong sums, or bombs."""
    pictures = whole_pictures()
    source = data if data[:8] == PNG else pictures[rng.choice([n for n in pictures if "png" in n])]
    parts = [chunk(kind, body) for kind, body in png_chunks(source)]
    at = rng.randrange(len(parts))
    kind, body = png_chunks(source)[at]
    how = rng.randrange(10)
    if how == 0:
        del parts[at]
    elif how == 1:
        parts.insert(at, parts[at])
    elif how == 2:
        rng.shuffle(parts)
    elif how == 3:
        parts[at] = chunk(kind, body, length=rng.choice((0, 2**31 - 1, 2**32 - 1, len(body) + 7)))
    elif how == 4:
        parts[at] = chunk(kind, body, crc=rng.randrange(2**32))
    elif how == 5:
        text = b"Comment\0\0" + zlib.compress(bytes(rng.choice((10**5, 3 * 10**7))))
        parts[1:1] = [chunk(b"zTXt", text)] * rng.choice((1, 40))
    elif how == 6:
        parts.insert(
            1, chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(rng.choice((99, 3 * 10**7)))))
        )
    elif how == 7:
        odd = (b"tRNS", b"PLTE", b"acTL", b"fcTL", b"fdAT", b"eXIf", b"pHYs", b"gAMA", b"sBIT")
        parts.insert(1, chunk(rng.choice(odd), rng.randbytes(rng.choice((0, 1, 5, 26, 900)))))
    elif how == 8:
        parts[1:1] = [chunk(b"tEXt", b"k\0" + b"v" * 500)] * 3000
    else:
        parts = [parts[0], *[chunk(b"IDAT", b"")] * 5000, *parts[1:]]
    return PNG + b"".join(parts)


def _metadata(rng: random.Random, base: str, data: bytes) -> bytes:
    """EXIF that loops, lies about its counts or is nonsense; colour profiles of megabytes."""
    image = portrait(160)
    kind = rng.choice(("JPEG", "PNG", "WEBP", "TIFF"))
    how = rng.randrange(6)
    head = b"Exif\0\0II*\0\x08\0\0\0"
    entries = {
        0: struct.pack("<HHHII", 1, 0x8769, 4, 1, 8) + struct.pack("<I", 8),
        1: struct.pack("<HHHII", 1, 0x0112, 2, 2**31 - 1, 8) + b"\0\0\0\0",
        2: struct.pack("<HHHII", 1, 0x0112, 5, 1, 20) + bytes(12),
        3: struct.pack("<H", 65535) + rng.randbytes(600),
        4: struct.pack("<HHHII", 1, 0x0112, 3, 1, rng.choice((0, 9, 65535))) + b"\0\0\0\0",
    }
    if how in entries:
        exif = head + entries[how]
        if kind == "TIFF":
            kind = "JPEG"
        return encoded(image, kind, exif=exif)
    profile = rng.choice((rng.randbytes(300), bytes(2_000_000), b"\0\0\0\x0cacsp" * 30))
    return encoded(image, kind, icc_profile=profile)


def _nested(rng: random.Random, base: str, data: bytes) -> bytes:
    """One format within another, or behind it: what looks at both sees two files."""
    pictures = whole_pictures()
    other = pictures[rng.choice(sorted(pictures))]
    how = rng.randrange(7)
    if how == 0:
        return data + other
    if how == 1:
        return other[: rng.choice((2, 4, 8, 16, 40))] + data
    if how == 2:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("../../evil.jpg", other)
        return data + buffer.getvalue()
    if how == 3:
        return b"GIF89a/*" + data + b"*/=1;alert(1)"
    if how == 4:
        return b"%PDF-1.4\n" + data
    if how == 5:
        return b"<html><img src=x onerror=alert(1)>" + data
    middle = rng.randrange(len(data))
    return data[:middle] + other + data[middle:]


def _shape(rng: random.Random, base: str, data: bytes) -> bytes:
    """True pictures of odd size, and files that unpack to far more than they hold."""
    how = rng.randrange(9)
    if how == 0:
        return b""
    if how == 1:
        return rng.randbytes(rng.randrange(1, 5000))
    if how == 2:
        return b"just text, no picture\n" * rng.randrange(1, 50)
    if how in (3, 4):
        size = rng.choice(((1, 1), (2, 1), (1, 65000), (65000, 1), (3, 3), (9000, 2), (1, 7)))
        kind = "PNG" if how == 3 else rng.choice(("JPEG", "BMP", "TIFF"))
        return encoded(Image.new(rng.choice(("RGB", "L")), size, 120), kind)
    if how == 5:  # 25 to 99 million pixels in a few kilobytes: allowed, and must fit
        side = rng.choice((5000, 7000, 9900))
        return encoded(Image.new("1", (side, side)), "PNG")
    if how == 6:
        row = b"\0" * (1 + 3 * 40000)
        return (
            PNG + ihdr(40000, 40000) + chunk(b"IDAT", zlib.compress(row * 20)) + chunk(b"IEND", b"")
        )
    if how == 7:  # more data than the header has room for
        body = zlib.compress(bytes(20_000_000))
        return PNG + ihdr(4, 4) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    return (
        PNG + ihdr(rng.choice((0, 5)), 0) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    )


def _many(rng: random.Random, base: str, data: bytes) -> bytes:
    """Many frames or pages, whole or damaged."""
    image = Image.new("RGB", (24, 24), 90)
    kind = rng.choice(("GIF", "WEBP", "PNG", "TIFF"))
    more = [image.point(lambda v, i=i: (v + i) % 256) for i in range(rng.choice((2, 90)))]
    made = encoded(image, kind, save_all=True, append_images=more)
    return made if rng.random() < 0.5 else _flip(rng, base, made)


MAKERS: dict[str, Callable[[random.Random, str, bytes], bytes]] = {
    "chunks": _chunks,
    "flip": _flip,
    "frames": _many,
    "metadata": _metadata,
    "nested": _nested,
    "shape": _shape,
    "sides": _sides,
    "splice": _splice,
    "truncate": _truncate,
    "whole": lambda _rng, _base, data: data,
}
"""How files are damaged, by name."""
