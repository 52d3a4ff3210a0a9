"""Makes the pictures of the documentation from the portrait that the package carries.

Run ``python docs/tools/pictures.py`` after a change of a method; the pictures are committed. They
show the public-domain portrait only.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

import faceveil
from faceveil.imaging.crop import extract_crop
from faceveil.imaging.geometry import canonical_from_landmarks, transform
from faceveil.types import Face, Uint8Array

ROOT = Path(__file__).parents[2]
PORTRAIT = ROOT / "src/faceveil/assets/astronaut.png"
PICTURES = ROOT / "docs/pictures"
METHODS = ("adaptive", "san", "ensemble", "flowsan", "gender-an", "privacynet", "mixing")
METHODS += ("pgd", "cw", "blur", "pixelate", "black-box")
CAPTION = 30  # pixels


def main() -> None:
    """Write every picture."""
    PICTURES.mkdir(exist_ok=True)
    photo = np.asarray(cv2.cvtColor(cv2.imread(str(PORTRAIT)), cv2.COLOR_BGR2RGB), np.uint8)
    usual = faceveil.load_protector(threads=1)
    face = usual.detector.detect(photo)[0]
    frame = canonical_from_landmarks(face.landmarks)
    crop = extract_crop(photo, frame)
    done = usual.protect_photo(photo, strength=1.0).image
    after = extract_crop(done, frame)

    points = transform(frame, face.landmarks)
    save(
        "found", [("found", found(photo, face)), ("canonical crop", enlarged(marked(crop, points)))]
    )
    change = [("crop", crop), ("change, 8 times", amplified(crop, after)), ("protected", after)]
    save("change", [(label, enlarged(picture, 1.5)) for label, picture in change])
    labels = ("before", "where pixels changed", "after")
    small = [enlarged(picture, 0.75) for picture in (photo, touched(photo, done), done)]
    save("paste", list(zip(labels, small, strict=True)))
    save("strength", [(f"strength {s:g}", shown(usual, crop, s)) for s in (0.0, 0.4, 0.8, 1.0)])
    targets: tuple[faceveil.Target, ...] = ("same", "neutral", "opposite")
    save("targets", [("original", crop), *((t, shown(usual, crop, 1.0, t)) for t in targets)])
    tiles = [("original", crop)]
    for method in METHODS:
        protector = faceveil.load_protector(method, threads=1)
        tiles.append((method, shown(protector, crop, 1.0)))
    save("methods", tiles, columns=5)


def shown(
    protector: faceveil.Protector,
    crop: Uint8Array,
    strength: float,
    target: faceveil.Target | None = None,
) -> Uint8Array:
    """The crop as a method leaves it; with the method's own target where none is given."""
    return protector.protect_crops(crop[None], [0], target=target, strength=strength)[0]


def found(photo: Uint8Array, face: Face) -> Uint8Array:
    """The photo with the box, the landmarks and the canonical frame drawn in."""
    picture = photo.copy()
    x0, y0, x1, y1 = (round(v) for v in face.box)
    cv2.rectangle(picture, (x0, y0), (x1, y1), (255, 210, 0), 2)
    inverse = cv2.invertAffineTransform(canonical_from_landmarks(face.landmarks)[:2])
    corners = np.float32([[0, 0], [224, 0], [224, 224], [0, 224]])  # type: ignore[arg-type]
    frame = np.rint(cv2.transform(corners[None], inverse)[0]).astype(np.int32)
    cv2.polylines(picture, [frame], True, (0, 200, 180), 2, cv2.LINE_AA)
    return dotted(picture, face.landmarks)


def marked(crop: Uint8Array, points: np.ndarray) -> Uint8Array:
    """The crop with its landmarks."""
    return dotted(crop.copy(), points)


def dotted(picture: Uint8Array, points: np.ndarray) -> Uint8Array:
    """Points drawn into a picture."""
    for x, y in points:
        cv2.circle(picture, (round(float(x)), round(float(y))), 3, (255, 60, 60), -1, cv2.LINE_AA)
    return picture


def amplified(before: Uint8Array, after: Uint8Array) -> Uint8Array:
    """The difference, eight times as strong, about middle grey."""
    change = after.astype(np.int16) - before
    return np.clip(128 + 8 * change, 0, 255).astype(np.uint8)


def touched(before: Uint8Array, after: Uint8Array) -> Uint8Array:
    """White where any channel changed, over a dark copy of the photo."""
    mask = (before != after).any(axis=2)
    return np.where(mask[..., None], 235, before // 4).astype(np.uint8)


def enlarged(picture: Uint8Array, by: float = 512 / 224) -> Uint8Array:
    """The picture at another size."""
    size = (round(picture.shape[1] * by), round(picture.shape[0] * by))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC), np.uint8)


def save(name: str, tiles: Sequence[tuple[str, Uint8Array]], columns: int = 0) -> None:
    """Write tiles of one height with their captions as a JPEG."""
    columns = columns or len(tiles)
    side = tiles[0][1].shape[0]
    cells = [captioned(label, picture, side) for label, picture in tiles]
    cells += [np.full_like(cells[0], 255)] * (-len(cells) % columns)
    rows = [np.hstack(cells[i : i + columns]) for i in range(0, len(cells), columns)]
    sheet = np.vstack(rows)[:, :-4, ::-1]
    good, data = cv2.imencode(".jpg", sheet, [cv2.IMWRITE_JPEG_QUALITY, 85])
    if not good:
        raise OSError(f"{name}: could not be encoded")
    (PICTURES / f"{name}.jpg").write_bytes(data.tobytes())


def captioned(label: str, picture: Uint8Array, side: int) -> Uint8Array:
    """A picture under its caption, with a gap to its right: (side + CAPTION, W + 4, 3)."""
    cell = np.full((side + CAPTION, picture.shape[1] + 4, 3), 255, np.uint8)
    cell[CAPTION:, :-4] = picture
    place = (4, CAPTION - 9)
    cv2.putText(cell, label, place, cv2.FONT_HERSHEY_SIMPLEX, 0.55, (20, 20, 20), 1, cv2.LINE_AA)
    return cell


if __name__ == "__main__":
    main()
