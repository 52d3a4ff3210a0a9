"""Frames in which somebody is seen and not protected: faces that enter, cross and leave a clip.

``python benchmarks/entering.py PHOTO_DIR [--limit 40]``

Each photo moves across a still picture of 1280 x 720 at its own speed and starts in its own frame;
camera noise is added. Small faces, three times as noisy, are at the edge of what the detector
finds: it misses them in many frames. Somebody counts as seen while both eyes and the mouth are
inside of the picture, and as protected where a crop's landmarks lie within half an eye distance.
Compared are: each frame searched whole, and what clips do.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from machine import machine

import faceveil
from faceveil.imaging.detect import CenterFace
from faceveil.inference.device import Choice
from faceveil.protect.photo import PhotoOptions
from faceveil.types import Face
from faceveil.video.finding import find_faces
from faceveil.video.people import Decider
from faceveil.video.plan import Planner

RESULT = Path(__file__).parent / "results" / "entering.json"
SIZE = (1280, 720)
FRAMES = 48
KINDS = ("faces", "small faces")


def clip(
    photo: np.ndarray, points: np.ndarray, seed: int, small: bool
) -> tuple[list[np.ndarray], np.ndarray]:
    """Frames, and where the landmarks are: (frames, 5, 2)."""
    rng = np.random.default_rng(seed)
    scale = rng.uniform(0.12, 0.25) if small else rng.uniform(0.6, 1.6)
    speed, noise = rng.uniform(8, 40) * (0.5 if small else 1), 9 if small else 3
    begin, top = rng.integers(0, 8), rng.uniform(-40, 200)
    frames, places = [], []
    for i in range(FRAMES):
        left = SIZE[0] - speed * (i - begin) if i >= begin else 2 * SIZE[0]
        to = np.array([[scale, 0, left], [0, scale, top]])
        frame = np.full((SIZE[1], SIZE[0], 3), 110, np.uint8)
        cv2.warpAffine(photo, to, SIZE, dst=frame, borderMode=cv2.BORDER_TRANSPARENT)
        noisy = frame + rng.normal(0, noise, frame.shape)
        frames.append(np.clip(np.rint(noisy), 0, 255).astype(np.uint8))
        places.append(points * scale + [left, top])
    return frames, np.array(places)


def unprotected(
    found: Iterable[tuple[np.ndarray, float, tuple[Face, ...]]], places: np.ndarray, protector: Any
) -> tuple[int, int]:
    """Frames in which the face is seen, and those of them in which it is not protected."""
    decider = Decider(protector.crop_protector, protector.estimator, PhotoOptions())
    planner = Planner(decider)
    for rgb, seconds, faces in found:
        planner.add(rgb, seconds, faces)
    plan, seen, bare = planner.finish("all"), 0, 0
    for i, points in enumerate(places):
        eye = np.linalg.norm(points[1] - points[0])
        covered = any(
            np.linalg.norm(p.landmarks - points, axis=1).mean() < eye / 2 for p in plan.at(i)
        )
        if ((points >= 0) & (points < SIZE)).all():
            seen, bare = seen + 1, bare + (not covered)
    return seen, bare


def main() -> None:
    """Parse the command line, measure, print and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--limit", type=int, default=40)
    a = parser.parse_args()
    cv2.setNumThreads(1)
    detector = CenterFace(choice=Choice(threads=1))
    protector = faceveil.load_protector(threads=1, detector=detector)
    names = ("every frame searched", "clips")
    sums = {kind: {name: [0, 0] for name in names} for kind in KINDS}
    photos = sorted(p for p in a.photos.iterdir() if p.suffix in (".jpg", ".png"))[: a.limit]
    for seed, path in enumerate(photos):
        rgb = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
        faces = detector.detect(rgb)
        if len(faces) != 1:
            continue
        for kind in KINDS:
            points = faces[0].landmarks.astype(float)
            frames, places = clip(rgb, points, seed, kind == "small faces")
            timed = [(frame, i / 25) for i, frame in enumerate(frames)]
            with ThreadPoolExecutor(2) as pool:
                ways = (
                    [(f, s, detector.detect(f)) for f, s in timed],
                    list(find_faces(timed, detector, pool, 2)),
                )
            for name, found in zip(names, ways, strict=True):
                for k, count in enumerate(unprotected(found, places, protector)):
                    sums[kind][name][k] += count
    result = {
        "photos": len(photos),
        **{
            kind: {k: {"frames_seen": v[0], "unprotected": v[1]} for k, v in found.items()}
            for kind, found in sums.items()
        },
        "machine": machine("onnxruntime", "opencv-python-headless"),
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
