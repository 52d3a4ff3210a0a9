"""Raw data sets into packs: every photo's face aligned to the canonical frame, resumable."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from faceveil.data.records import Record
from faceveil.errors import OptionError, PhotoError
from faceveil.imaging.crop import extract_crop
from faceveil.imaging.decode import load_photo
from faceveil.imaging.detect import Detector
from faceveil.imaging.geometry import canonical_from_landmarks
from faceveil.imaging.photo import as_rgb
from faceveil.types import Face, Float64Array, Uint8Array

SHARD = 500  # photos; what is lost at most when a run is killed
QUALITY = 90  # WebP
COLUMNS = ("image", "gender", "identity", "source", "race", "age")


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a run did.

    Attributes:
        packs: the files, by part.
        faces: how many faces they hold.
        skipped: photos left out, each with the reason.
        fresh: False where everything was there already.
    """

    packs: tuple[Path, ...]
    faces: int
    skipped: tuple[tuple[str, str], ...]
    fresh: bool


def prepare(
    records: Sequence[Record],
    name: str,
    output: Path,
    detector: Detector,
    *,
    size: int = 128,
    overwrite: bool = False,
) -> Prepared:
    """Align a data set into ``NAME-train.parquet``, ``NAME-val.parquet``, ``NAME-test.parquet``.

    Work is done in shards under ``.NAME.parts``, each written whole; a run that is killed goes on
    with the first unfinished one and ends with the same bytes as an undisturbed one.

    Args:
        records: with their parts (see :mod:`faceveil.data.splits`).
        name: what the packs are called.
        output: their folder.
        detector: finds the face where a record has no landmarks.
        size: side of the crops in pixels.
        overwrite: replace packs that were made with other settings.

    Returns:
        The packs, and what was left out: photos that cannot be decoded or show no face.

    Raises:
        OptionError: if packs of that name are there and not these, or no face was found at all.
    """
    key = _key(records, size)
    done = output / f"{name}.prepared.json"
    before = _read(done)
    parts = sorted({r.split for r in records})
    packs = tuple(output / f"{name}-{part}.parquet" for part in parts)
    ours = before.get("key") == key
    if ours and before.get("complete") and all(p.is_file() for p in packs):
        left_out = tuple((s, why) for s, why in before["skipped"])
        return Prepared(packs, before["faces"], left_out, fresh=False)
    there = [p for p in packs if p.exists()]
    if there and not ours and not overwrite:
        raise OptionError(
            f"{there[0]}: is there already and was not made of these photos and settings; name "
            "another --name, or add --overwrite"
        )
    shards = output / f".{name}.parts" / key[:16]
    tables = {part: _shards(records, part, shards, detector, size) for part in parts}
    # From here on packs appear one by one; a run killed between them knows them for its own.
    _write_json(done, {"key": key, "complete": False})
    skipped: list[tuple[str, str]] = []
    faces = 0
    for part, pack in zip(parts, packs, strict=True):
        found, out = _join(tables[part], pack)
        faces += found
        skipped += out
    if faces == 0:
        raise OptionError(f"{name}: no face in any of {len(records)} photos; check the folder")
    state = {"key": key, "complete": True, "size": size, "faces": faces, "skipped": skipped}
    _write_json(done, state)
    for path in sorted(shards.parent.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    shards.parent.rmdir()
    return Prepared(packs, faces, tuple(skipped), fresh=True)


def align(record: Record, detector: Detector, size: int) -> Uint8Array:
    """A record's face in the canonical frame: (size, size, 3) RGB.

    Raises:
        PhotoError: if the photo cannot be read or shows no face.
    """
    rgb = as_rgb(load_photo(record.path))
    if record.landmarks is not None:
        points: Float64Array = np.asarray(record.landmarks, np.float64)
    else:
        found = detector.detect(rgb)
        if not found:
            raise PhotoError("no face found")
        points = np.asarray(most_central(found, rgb.shape[:2]).landmarks, np.float64)
    return extract_crop(rgb, canonical_from_landmarks(points, size), size)


def most_central(faces: Sequence[Face], shape: tuple[int, ...]) -> Face:
    """The face that a labelled photo is about: large and near the middle."""
    centre = np.array(shape[::-1]) / 2

    def rank(face: Face) -> float:
        x0, y0, x1, y1 = face.box
        side = float(np.sqrt(max(0.0, (x1 - x0) * (y1 - y0))))
        away = float(np.hypot(*((x0 + x1) / 2 - centre[0], (y0 + y1) / 2 - centre[1])))
        return side - away

    return max(faces, key=rank)


def _shards(
    records: Sequence[Record], part: str, folder: Path, detector: Detector, size: int
) -> list[Path]:
    """The shards of one part; those that are not there yet are made."""
    chosen = [r for r in records if r.split == part]
    paths = []
    with tqdm(total=len(chosen), desc=part, unit="photo", disable=None) as bar:
        for start in range(0, len(chosen), SHARD):
            group = chosen[start : start + SHARD]
            path = folder / f"{part}-{start:08d}.parquet"
            if not path.is_file():
                _write_shard(group, path, detector, size)
            paths.append(path)
            bar.update(len(group))
    return paths


def _write_shard(group: Sequence[Record], path: Path, detector: Detector, size: int) -> None:
    rows: dict[str, list[Any]] = {c: [] for c in (*COLUMNS, "skipped")}
    for record in group:
        data, why = b"", ""
        try:
            face = align(record, detector, size)
            options = [cv2.IMWRITE_WEBP_QUALITY, QUALITY]
            data = cv2.imencode(".webp", face[..., ::-1], options)[1].tobytes()
        except PhotoError as error:
            why = str(error)
        values = (data, record.gender, record.identity, record.source, record.race)
        for column, value in zip((*COLUMNS, "skipped"), (*values, record.age, why), strict=True):
            rows[column].append(value)
    _write_table(_table(rows), path)


def _join(shards: Sequence[Path], pack: Path) -> tuple[int, list[Any]]:
    """One pack from its shards, without the columns that say nothing."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    whole = pa.concat_tables([pq.read_table(p) for p in shards])
    out = whole.filter(pc.not_equal(whole["skipped"], ""))
    skipped = list(zip(out["source"].to_pylist(), out["skipped"].to_pylist(), strict=True))
    kept = whole.filter(pc.equal(whole["skipped"], "")).drop_columns(["skipped"])
    empty = {"identity": "", "race": "", "age": None}
    silent = [c for c, nothing in empty.items() if set(kept[c].to_pylist()) <= {nothing}]
    _write_table(kept.drop_columns(silent), pack)
    return len(kept), skipped


def _table(rows: dict[str, list[Any]]) -> Any:
    import pyarrow as pa

    types = {"image": pa.binary(), "age": pa.int64()}
    return pa.table({c: pa.array(v, types.get(c, pa.string())) for c, v in rows.items()})


def _write_table(table: Any, path: Path) -> None:
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        pq.write_table(table, temporary, compression="none")  # WebP does not shrink any further
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _key(records: Sequence[Record], size: int) -> str:
    text = json.dumps([size, QUALITY, [[*map(str, asdict(r).values())] for r in records]])
    return hashlib.sha256(text.encode()).hexdigest()


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write_json(path: Path, value: Any) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_text(json.dumps(value, indent=1) + "\n")
    os.replace(temporary, path)
