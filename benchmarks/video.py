"""Clips: frames a second for one face in 720p, peak memory, and flicker with and without smoothing.

``python benchmarks/video.py [--frames 200] [--photos DIR --limit 150]``

The clips are made of the bundled portrait, which moves and grows steadily while the camera adds
noise, so that where the face truly is, is known. Flicker is the mean absolute second difference
over time of the change in the true canonical frame, before encoding and in 16 bits, so that neither
the codec nor rounding counts; in steps of 255.

With ``--photos``, photos are moved and given noise the same way for nine frames, and the package's
judge reads the middle frame: averaging over time must not undo what protection does.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from endtoend import MEASURED, run
from machine import machine
from ways import WAYS, repeatable

import faceveil
from faceveil.imaging.detect import Detector
from faceveil.imaging.geometry import CROP_SIZE, canonical_from_landmarks, transform
from faceveil.imaging.photo import Photo
from faceveil.protect.photo import PhotoOptions
from faceveil.protect.targets import strength_of
from faceveil.video.finding import find_faces
from faceveil.video.people import Decider
from faceveil.video.picture import Picture
from faceveil.video.plan import Planner
from faceveil.video.render import Renderer

RESULT = Path(__file__).parent / "results" / "video.json"
PORTRAIT = Path(faceveil.__file__).parent / "assets" / "astronaut.png"
LANDMARKS = np.array([(203, 102), (247, 105), (223, 125), (203, 142), (241, 144)], float)
NOISE = 3.0
"""Standard deviation of the camera's noise in steps of 255."""

METHODS = ("adaptive", "san", "flowsan", "ensemble", "mixing", "blur")


def place(index: int, scale: float) -> np.ndarray:
    """The map from the portrait to a frame: (2, 3)."""
    s = scale * (1 + 0.002 * index)
    return np.array([[s, 0, 40 + 2.0 * index], [0, s, 10 + 0.3 * index]])


def scene(portrait: np.ndarray, index: int, size: tuple[int, int], scale: float) -> np.ndarray:
    """A frame: (H, W, 3) uint8."""
    frame = cv2.warpAffine(
        portrait, place(index, scale), size, flags=cv2.INTER_LINEAR, borderValue=(120, 120, 120)
    )
    noise = np.random.default_rng(index).normal(0, NOISE, frame.shape)
    return np.clip(np.rint(frame + noise), 0, 255).astype(np.uint8)


def write_720p(portrait: np.ndarray, path: Path, frames: int) -> None:
    """A clip of 1280 x 720 pixels and 25 frames a second."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25, options={"crf": "18", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
        stream.codec_context.thread_count = 1
        for i in range(frames):
            rgb = scene(portrait, i, (1280, 720), 1.2)
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = i, Fraction(1, 25)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def speed(portrait: np.ndarray, frames: int, method: str, cores: int) -> dict[str, Any]:
    """The command line on a 720p clip on so many cores, in a process of its own.

    Frames a second by the clock leave out what a clip of a quarter of the length takes besides:
    start and models.
    """
    with tempfile.TemporaryDirectory() as folder:
        taken = {}
        for count in (frames // 4, frames):
            clip = Path(folder) / f"{count}.mp4"
            write_720p(portrait, clip, count)
            report = Path(folder) / "report.json"
            command = [sys.executable, "-m", "faceveil", "protect", str(clip), "-q"]
            command += [*WAYS[method].flags, "-o", f"{folder}/out", "--report", str(report)]
            taken[count] = run(command, cores)
            (file,) = json.loads(report.read_text())["files"]
    few, many = taken.values()
    more = frames - frames // 4
    return {
        "method": method,
        "cores": cores,
        "frames": file["frames"],
        "faces": len(file["faces"]),
        "seconds": round(many["seconds"], 2),
        "frames_a_second": round(more / (many["seconds"] - few["seconds"]), 2),
        "cpu_ms_a_frame": round(1000 * (many["cpu_seconds"] - few["cpu_seconds"]) / more, 1),
        "peak_memory_mb": round(many["peak_mb"]),
    }


def flicker(pictures: list[Picture], planes: list[np.ndarray], scale: float) -> tuple[float, float]:
    """Flicker, and the mean absolute change in the canonical frame, both in steps of 255."""
    changes = []
    for i, (before, after) in enumerate(zip(pictures, planes, strict=True)):
        change = (after.astype(np.float32) - before.planes[0]) / 257
        matrix = canonical_from_landmarks(transform(place(i, scale), LANDMARKS))
        changes.append(cv2.warpAffine(change, matrix, (CROP_SIZE, CROP_SIZE)))
    stack = np.stack(changes)
    return float(np.abs(np.diff(stack, 2, axis=0)).mean()), float(np.abs(stack).mean())


def look(planner: Planner, detector: Detector, pictures: list[Picture]) -> None:
    """The first pass over a clip, as the command does it."""
    frames = ((p.shown(), p.seconds) for p in pictures)
    with ThreadPoolExecutor(1) as pool:
        for rgb, seconds, faces in find_faces(frames, detector, pool, 1):
            planner.add(rgb, seconds, faces)


def flickers(portrait: np.ndarray, frames: int) -> list[dict[str, Any]]:
    """Flicker of each method, frame by frame and as a clip."""
    scale, size, options = 0.9, (640, 480), PhotoOptions()
    pictures = []
    for i in range(frames):
        grey = cv2.cvtColor(scene(portrait, i, size, scale), cv2.COLOR_RGB2GRAY)
        rgb = np.repeat(grey[..., None], 3, axis=2)
        pictures.append(Picture((grey.astype(np.uint16) * 257,), rgb, 16, True, seconds=i / 25))
    rows = []
    for name in METHODS:
        protector = faceveil.load_protector(name, threads=1)
        alone = [protector.protect_loaded(Photo(p.planes[0], "L"), options)[0] for p in pictures]
        decider = Decider(protector.crop_protector, protector.estimator, options)
        planner = Planner(decider)
        look(planner, protector.detector, pictures)
        strength = strength_of(protector.crop_protector, options.strength)
        with Renderer(planner.finish("all"), strength) as renderer:
            together = list(renderer(pictures))
        single, amount = flicker(pictures, [np.asarray(p.pixels) for p in alone], scale)
        smooth, kept = flicker(pictures, [p.planes[0] for p in together], scale)
        rows.append(
            {
                "method": name,
                "frame_by_frame": round(single, 3),
                "clip": round(smooth, 3),
                "share_left": round(smooth / single, 3),
                "change_frame_by_frame": round(amount, 3),
                "change_clip": round(kept, 3),
            }
        )
        print(json.dumps(rows[-1]), flush=True)
    return rows


def effect(folder: Path, limit: int, method: str) -> dict[str, Any]:
    """What the judge reads in photos, protected frame by frame and as clips of nine frames."""
    protector, count = faceveil.load_protector(method, threads=1), 9
    target = repeatable(protector)
    options = PhotoOptions(faces="largest", target=target)
    before, single, clip, similar = [], [], [], []
    for path in sorted(p for p in folder.iterdir() if p.is_file())[:limit]:
        image = cv2.imread(str(path))
        if image is None:
            continue
        size, pictures = image.shape[1::-1], []
        for i in range(count):
            matrix = np.array([[1, 0, 1.3 * (i - 4)], [0, 1, 0.6 * (i - 4)]])
            moved = cv2.warpAffine(image, matrix, size, borderMode=cv2.BORDER_REPLICATE)
            noise = np.random.default_rng(i).normal(0, NOISE, moved.shape)
            frame = np.clip(np.rint(moved + noise), 0, 255).astype(np.uint8)
            grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
            rgb = np.repeat(grey[..., None], 3, axis=2)
            pictures.append(Picture((grey,), rgb, 8, True, seconds=i / 25))
        decider = Decider(protector.crop_protector, protector.estimator, options)
        planner = Planner(decider)
        look(planner, protector.detector, pictures)
        strength = strength_of(protector.crop_protector, options.strength)
        with Renderer(planner.finish("largest"), strength) as renderer:
            done = list(renderer(pictures))[count // 2]
        middle = pictures[count // 2].rgb
        together = np.repeat(done.planes[0][..., None], 3, axis=2)
        alone = protector.protect_photo(middle, faces="largest", target=target).image
        checks = [faceveil.check(middle, x, detector=protector.detector) for x in (alone, together)]
        if not checks[0].faces:
            continue
        boxes = [(f.box[2] - f.box[0]) * (f.box[3] - f.box[1]) for f in checks[0].faces]
        one, two = (c.checks[int(np.argmax(boxes))] for c in checks)
        before.append(one.p_male_before)
        single.append(one.p_male_after)
        clip.append(two.p_male_after)
        similar.append((one.similarity, two.similarity))
    read = np.array([before, single, clip])
    moved_by = np.abs(read[1:] - read[0]).mean(axis=1)
    flipped = ((read[1:] >= 0.5) != (read[0] >= 0.5)).mean(axis=1)
    names = ("frame_by_frame", "clip")
    return {
        "photos": len(before),
        "mean_change_of_p_male": dict(zip(names, moved_by.round(3).tolist(), strict=True)),
        "share_read_otherwise": dict(zip(names, flipped.round(3).tolist(), strict=True)),
        "mean_similarity": dict(
            zip(names, np.mean(similar, axis=0).round(3).tolist(), strict=True)
        ),
    }


def main() -> None:
    """Parse the command line, measure, print and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=200, help="of the 720p clip")
    parser.add_argument("--methods", nargs="+", choices=WAYS, default=MEASURED, help="timed")
    parser.add_argument("--flicker-frames", type=int, default=50)
    parser.add_argument("--photos", type=Path, help="faces to judge the effect on")
    parser.add_argument("--limit", type=int, default=150, help="of the photos")
    a = parser.parse_args()
    image = cv2.imread(str(PORTRAIT))
    assert image is not None, "build the package first: pip install -e ."
    portrait = np.ascontiguousarray(image[..., ::-1])
    found: dict[str, Any] = {
        "machine": machine("onnxruntime", "openvino", "opencv-python-headless", "av"),
        "speed_720p_one_face": [
            speed(portrait, a.frames, method, cores)
            for method in a.methods
            for cores in sorted({1, len(os.sched_getaffinity(0))})
        ],
        "flicker": flickers(portrait, a.flicker_frames),
    }
    if a.photos is not None:
        found["effect_on_photos"] = {
            m: effect(a.photos, a.limit, m) for m in a.methods if WAYS[m].device == "cpu"
        }
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
