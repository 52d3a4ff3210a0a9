"""Frames in which somebody is seen and not protected: faces that enter, cross and leave a clip.

``python benchmarks/entering.py PHOTO_DIR [--limit 40]``

Each photo moves across a still picture of 1280 x 720 at its own speed and starts in its own frame;
camera noise is added. Somebody counts as seen while both eyes and the mouth are inside of the
picture, and as protected where a crop's landmarks lie within half an eye distance. Compared are:
each frame searched whole, and what clips do.
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
from faceveil.protectors.photo import PhotoOptions
from faceveil.types import Face
from faceveil.video.finding import find_faces
from faceveil.video.people import Decider
from faceveil.video.plan import Planner

RESULT = Path(__file__).parent / "results" / "entering.json"
SIZE = (1280, 720)
FRAMES = 48


def clip(photo: np.ndarray, points: np.ndarray, seed: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Frames, and where the landmarks are: (frames, 5, 2)."""
    rng = np.random.default_rng(seed)
    scale, speed = rng.uniform(0.6, 1.6), rng.uniform(8, 40)
    begin, top = rng.integers(0, 8), rng.uniform(-40, 200)
    frames, places = [], []
    for i in range(FRAMES):
        left = SIZE[0] - speed * (i - begin) if i >= begin else 2 * SIZE[0]
        to = np.array([[scale, 0, left], [0, scale, top]])
        frame = np.full((SIZE[1], SIZE[0], 3), 110, np.uint8)
        cv2.warpAffine(photo, to, SIZE, dst=frame, borderMode=cv2.BORDER_TRANSPARENT)
        noisy = frame + rng.normal(0, 3, frame.shape)
        frames.append(np.clip(np.rint(noisy), 0, 255).astype(np.uint8))
        places.append(points * scale + [left, top])
    return frames, np.array(places)


def unprotected(
    found: Iterable[tuple[np.ndarray, float, tuple[Face, ...]]], places: np.ndarray, protector: Any
) -> tuple[int, int]:
    """Frames in which the face is seen, and those of them in which it is not protected."""
    decider = Decider(protector.crop_protector, protector.estimator, PhotoOptions())
    planner = Planner(protector.detector, decider)
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
    detector = CenterFace(threads=1)
    protector = faceveil.load_protector(threads=1, detector=detector)
    sums = {"every frame searched": [0, 0], "clips": [0, 0]}
    photos = sorted(p for p in a.photos.iterdir() if p.suffix in (".jpg", ".png"))[: a.limit]
    for seed, path in enumerate(photos):
        rgb = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
        faces = detector.detect(rgb)
        if len(faces) != 1:
            continue
        frames, places = clip(rgb, faces[0].landmarks.astype(float), seed)
        timed = [(frame, i / 25) for i, frame in enumerate(frames)]
        with ThreadPoolExecutor(2) as pool:
            ways = {
                "every frame searched": [(f, s, detector.detect(f)) for f, s in timed],
                "clips": list(find_faces(timed, detector, pool, 2)),
            }
        for name, found in ways.items():
            for k, count in enumerate(unprotected(found, places, protector)):
                sums[name][k] += count
    result = {
        "photos": len(photos),
        **{k: {"frames_seen": v[0], "unprotected": v[1]} for k, v in sums.items()},
        "machine": machine("onnxruntime", "opencv-python-headless"),
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
