"""What ``--keep-metadata`` keeps: an allow-list of what cannot hold a picture or a name of a face.

Everything else goes: thumbnails, previews in maker notes, layers, depth and gain maps, regions of
faces with their names, and every text that people write, since it may be a name.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from typing import Any
from xml.sax.saxutils import quoteattr

from PIL import ExifTags, Image

_ORIENTATION = 0x0112
_EXIF, _GPS = 0x8769, 0x8825
_MOST_NAMED = 50  # of what goes: a hostile packet has any number
_LONGEST = 100  # characters of what a device writes about itself
_MAIN = frozenset(
    {0x010F, 0x0110, _ORIENTATION, 0x011A, 0x011B, 0x0128, 0x0131, 0x0132, 0x0213}
)  # make, model, orientation, resolution, software, time, position of chroma
_SHOT = frozenset(
    {0x829A, 0x829D, 0x8822, 0x8827, 0x8830, 0x8831, 0x8832, 0x8833, 0x9000, 0x9003, 0x9004}
    | {0x9010, 0x9011, 0x9012, 0x9101, *range(0x9201, 0x920B), 0x9214, 0x9290, 0x9291, 0x9292}
    | {*range(0x9400, 0x9406), 0xA000, 0xA001, 0xA20E, 0xA20F, 0xA210, 0xA215, 0xA217, 0xA300}
    | {0xA301, *range(0xA401, 0xA407), *range(0xA407, 0xA40B), 0xA40C, 0xA420, 0xA431, 0xA432}
    | {0xA433, 0xA434, 0xA435, 0xA460, 0xA461, 0xA500}
)  # exposure, times, lens, numbers of camera and lens
_PLACE = frozenset({*range(0x1B), 0x1D, 0x1E, 0x1F})  # all of GPS but its two texts, 1B and 1C
_REWRITTEN = frozenset({*range(0x0100, 0x0104), 0x0106, 0x0111, 0x0115, 0x0116, 0x0117, 0x011C})
_REWRITTEN_TOO = frozenset({0x013D, 0x0140, *range(0x0142, 0x0146), 0x0152, 0x0153, 0x0212, 0x02BC})
_OWN = _REWRITTEN | _REWRITTEN_TOO | {0xFE, 0x8773, _EXIF, _GPS, 0xA002, 0xA003, 0xA005}
"""Tags that say how the file is laid out, or point to others: written anew, so not missed."""

_XMP: dict[str, tuple[str, frozenset[str]]] = {
    "http://ns.adobe.com/xap/1.0/": (
        "xmp",
        frozenset({"CreateDate", "ModifyDate", "MetadataDate", "CreatorTool", "Rating"}),
    ),
    "http://ns.adobe.com/tiff/1.0/": (
        "tiff",
        frozenset({"Make", "Model", "Software", "DateTime", "XResolution", "YResolution"})
        | {"ResolutionUnit"},
    ),
    "http://ns.adobe.com/exif/1.0/": (
        "exif",
        frozenset(
            [
                "ApertureValue",
                "BrightnessValue",
                "ColorSpace",
                "Contrast",
                "CustomRendered",
                "DateTimeDigitized",
                "DateTimeOriginal",
                "DigitalZoomRatio",
                "ExifVersion",
                "ExposureBiasValue",
                "ExposureMode",
                "ExposureProgram",
                "ExposureTime",
                "FNumber",
                "FlashpixVersion",
                "FocalLength",
                "FocalLengthIn35mmFilm",
                "GPSAltitude",
                "GPSAltitudeRef",
                "GPSImgDirection",
                "GPSImgDirectionRef",
                "GPSLatitude",
                "GPSLongitude",
                "GPSMapDatum",
                "GPSSpeed",
                "GPSTimeStamp",
                "GPSVersionID",
                "GainControl",
                "LightSource",
                "MaxApertureValue",
                "MeteringMode",
                "Saturation",
                "SceneCaptureType",
                "SensingMethod",
                "Sharpness",
                "ShutterSpeedValue",
                "SubjectDistance",
                "SubjectDistanceRange",
                "WhiteBalance",
            ]
        ),
    ),
    "http://cipa.jp/exif/1.0/": (
        "exifEX",
        frozenset({"LensMake", "LensModel", "PhotographicSensitivity", "SensitivityType", "Gamma"}),
    ),
    "http://ns.adobe.com/exif/1.0/aux/": (
        "aux",
        frozenset({"Lens", "LensInfo", "LensID", "Firmware", "ApproximateFocusDistance"}),
    ),
}
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_PREFIXES = {
    "http://www.metadataworkinggroup.com/schemas/regions/": "mwg-rs",
    "http://ns.microsoft.com/photo/1.2/": "MP",
    "http://ns.adobe.com/hdr-gain-map/1.0/": "hdrgm",
    "http://ns.adobe.com/xap/1.0/g/img/": "xmpGImg",
    "http://ns.google.com/photos/1.0/camera/": "GCamera",
    "http://ns.google.com/photos/1.0/depthmap/": "GDepth",
    "http://ns.google.com/photos/1.0/image/": "GImage",
    "http://ns.google.com/photos/1.0/container/": "Container",
    "http://ns.google.com/photos/1.0/container/item/": "Item",
    "http://purl.org/dc/elements/1.1/": "dc",
    "http://ns.adobe.com/photoshop/1.0/": "photoshop",
}


def allowed_exif(exif: Image.Exif) -> tuple[bytes, list[str]]:
    """The EXIF block to keep, with the orientation reset, and the names of what goes.

    Args:
        exif: as read.

    Returns:
        The bytes, empty where nothing is to be kept, and names such as ``EXIF MakerNote``.
    """
    kept, gone = Image.Exif(), list[str]()
    _copy(dict(exif), kept, _MAIN, ExifTags.TAGS, gone)
    for pointer, allowed, names in (
        (_EXIF, _SHOT, ExifTags.TAGS),
        (_GPS, _PLACE, ExifTags.GPSTAGS),
    ):
        inner: dict[int, Any] = {}
        _copy(exif.get_ifd(pointer), inner, allowed, names, gone)
        if inner:
            kept.get_ifd(pointer).update(inner)
    if exif.get_ifd(1):  # the second list of tags is there for the thumbnail
        gone.append("EXIF thumbnail")
    if _ORIENTATION in kept:
        kept[_ORIENTATION] = 1
    return (kept.tobytes() if len(kept) else b""), gone


def allowed_xmp(xmp: bytes) -> tuple[bytes, list[str]]:
    """The XMP packet to keep, and the names of what goes; what cannot be read goes whole."""
    if b"<!DOCTYPE" in xmp or b"<!ENTITY" in xmp:
        return b"", ["XMP"]
    try:
        root = ElementTree.fromstring(xmp.rstrip(b"\0 \n"))  # no entities, as above
    except (ElementTree.ParseError, ValueError, LookupError):
        return b"", ["XMP"]
    kept: dict[str, str] = {}
    gone: dict[str, None] = {}
    for described in root.iter(f"{{{_RDF}}}Description"):
        values = [*described.items(), *((e.tag, _text(e)) for e in described)]
        for name, value in values:
            space, _, local = name.rpartition("}")
            space = space.removeprefix("{")
            if space == _RDF:
                continue
            prefix, allowed = _XMP.get(space, (_PREFIXES.get(space, space or "?"), frozenset()))
            if local in allowed and value is not None and _is_plain(value):
                kept[f"{prefix}:{local}"] = value
            elif len(gone) < _MOST_NAMED:
                gone[f"XMP {prefix}:{local}"[:_LONGEST]] = None
    if not kept:
        return b"", list(gone)
    spaces = {prefix: space for space, (prefix, _) in _XMP.items()}
    used = sorted({name.split(":")[0] for name in kept})
    lines = [f"xmlns:{prefix}={quoteattr(spaces[prefix])}" for prefix in used]
    lines += [f"{name}={quoteattr(value)}" for name, value in kept.items()]
    packet = (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{_RDF}"><rdf:Description '
        f'rdf:about="" {" ".join(lines)}/></rdf:RDF></x:xmpmeta>'
    )
    return packet.encode(), list(gone)


def _copy(
    source: dict[int, Any],
    kept: Any,
    allowed: frozenset[int],
    names: dict[int, str],
    gone: list[str],
) -> None:
    for tag, value in source.items():
        if tag in allowed and _is_plain(value):
            kept[tag] = value
        elif tag not in _OWN:
            gone.append(f"EXIF {names.get(tag, tag)}")


def _is_plain(value: Any) -> bool:
    """Whether it is a few numbers or a short text: too small for a picture."""
    if isinstance(value, str):
        return len(value) <= _LONGEST and value.rstrip("\0").isprintable()
    if isinstance(value, bytes):
        return len(value) <= 8
    return not isinstance(value, tuple | list) or len(value) <= 16


def _text(element: ElementTree.Element) -> str | None:
    return (element.text or "").strip() if len(element) == 0 and not element.attrib else None
