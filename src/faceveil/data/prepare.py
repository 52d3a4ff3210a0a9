"""Raw data sets into packs: every photo's face aligned to the canonical frame, resumable."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from faceveil.data.records import Record, Split
from faceveil.data.splits import PARTS
from faceveil.errors import NoFaceError, OptionError, OutputError, PhotoError
from faceveil.imaging.crop import extract_crop
from faceveil.imaging.decode import load_photo
from faceveil.imaging.detect import Detector
from faceveil.imaging.encode import TEMPORARY, remove_stale, write_atomic
from faceveil.imaging.geometry import canonical_from_landmarks
from faceveil.imaging.photo import as_rgb
from faceveil.types import Face, Float64Array, Uint8Array

SHARD = 500  # photos; what is lost at most when a run is killed
QUALITY = 90  # WebP
ALIGNMENT = 1  # to be raised when the same photo would give another crop
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
    jobs: int = 1,
) -> Prepared:
    """Align a data set into ``NAME-train.parquet``, ``NAME-val.parquet``, ``NAME-test.parquet``.

    Work is done in shards under ``.parts-NAME``, each written whole; a run that is killed goes on
    with the first unfinished one and ends with the same bytes as an undisturbed one. Where only
    some people are known, a photo of nobody known takes its own name as identity.

    Args:
        records: with their parts (see :mod:`faceveil.data.splits`).
        name: what the packs are called.
        output: their folder.
        detector: finds the face where a record has no landmarks.
        size: side of the crops in pixels.
        overwrite: replace all packs of that name that were made with other settings.
        jobs: photos at the same time; changes no byte.

    Returns:
        The packs (none for a part without any face), and what was left out: photos that cannot be
        decoded or show no face.

    Raises:
        OptionError: if other packs of that name are there, or a record has no part.
        NoFaceError: if no photo shows a face.
        OutputError: if a file cannot be written.
    """
    key = _checked_key(records, name, size)
    work = output / f".parts-{name}"
    before = _read(output / f"{name}.prepared.json")
    if before.get("key") != key:
        before = {}
    if finished := _finished(before, output):
        shutil.rmtree(work, ignore_errors=True)
        return finished
    there = _there(name, output, allowed=bool(before) or overwrite)
    remove_stale({output, work / key[:16]})
    parts = {part: [r for r in records if r.split == part] for part in PARTS}
    shards = {x: _shards(g, x, work / key[:16], detector, size, jobs) for x, g in parts.items()}
    result = _finish(shards, name, output, there, key)
    shutil.rmtree(work, ignore_errors=True)
    if not result.faces:
        raise NoFaceError(f"{name}: no face in any of {len(records)} photos; check the folder")
    return result


def _finished(state: Mapping[str, Any], output: Path) -> Prepared | None:
    """What an earlier run of the same key did, if all of it is there."""
    packs = tuple(output / p for p in state.get("packs", ()))
    if not state.get("complete") or not packs or not all(p.is_file() for p in packs):
        return None
    left_out = tuple((source, why) for source, why in state["skipped"])
    return Prepared(packs, state["faces"], left_out, fresh=False)


def _there(name: str, output: Path, *, allowed: bool) -> list[Path]:
    """Packs of that name that lie there already."""
    there = [p for p in (output / f"{name}-{x}.parquet" for x in PARTS) if p.exists()]
    if there and not allowed:
        raise OptionError(
            f"{there[0]}: is there already and was not made of these photos and settings; name "
            "another --name, or add --overwrite"
        )
    return there


def align(record: Record, detector: Detector, size: int) -> Uint8Array:
    """A record's face in the canonical frame: (size, size, 3) RGB.

    Raises:
        PhotoError: if the photo cannot be read or shows no face.
        OptionError: if the record's landmarks are no face's.
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
    records: Sequence[Record], part: str, folder: Path, detector: Detector, size: int, jobs: int
) -> list[Path]:
    """The shards of one part; those that are not there yet are made."""
    paths = []
    quiet = None if records else True  # None: a bar on terminals only
    with tqdm(total=len(records), desc=part, unit="photo", disable=quiet) as bar:
        for start in range(0, len(records), SHARD):
            group = records[start : start + SHARD]
            path = folder / f"{part}-{start:08d}.parquet"
            if path.is_file():
                bar.update(len(group))
            else:
                _write_shard(group, path, detector, size, jobs, bar)
            paths.append(path)
    return paths


def _write_shard(
    group: Sequence[Record], path: Path, detector: Detector, size: int, jobs: int, bar: Any
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = []
    with ThreadPoolExecutor(jobs) as pool:
        try:
            for row in pool.map(lambda r: _row(r, detector, size), group):
                rows.append(row)
                bar.update()
        except BaseException:  # do not work off the queue first
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    kinds = {"image": pa.binary(), "age": pa.int64()}
    columns = (*COLUMNS, "skipped")
    data = {c: pa.array([r[c] for r in rows], kinds.get(c, pa.string())) for c in columns}
    with _whole(path) as temporary:
        pq.write_table(pa.table(data), temporary, compression="none")


def _row(record: Record, detector: Detector, size: int) -> dict[str, Any]:
    """One row of a shard; ``skipped`` says why there is no image."""
    data, why, r = b"", "", record
    try:
        face = align(r, detector, size)
        options = [cv2.IMWRITE_WEBP_QUALITY, QUALITY]
        data = cv2.imencode(".webp", face[..., ::-1], options)[1].tobytes()
    except (PhotoError, OptionError) as error:
        why = str(error)
    values = (data, r.gender, r.identity, r.source, r.race, r.age, why)
    return dict(zip((*COLUMNS, "skipped"), values, strict=True))


def _finish(
    shards: Mapping[Split, list[Path]], name: str, output: Path, there: list[Path], key: str
) -> Prepared:
    """Packs from all shards; writes nothing where no shard holds a face."""
    rows = {part: _labels(paths) for part, paths in shards.items()}
    kept = [row for found in rows.values() for row in found if not row["skipped"]]
    out = [(r["source"], r["skipped"]) for found in rows.values() for r in found if r["skipped"]]
    if not kept:
        return Prepared((), 0, tuple(out), fresh=True)
    full = [part for part, found in rows.items() if not all(r["skipped"] for r in found)]
    packs = tuple(output / f"{name}-{part}.parquet" for part in full)
    # All parts have the same columns, so that they can be read together.
    columns = [
        c for c in COLUMNS if c not in ("identity", "race", "age") or any(r[c] for r in kept)
    ]
    state = {"key": key, "complete": False, "packs": [p.name for p in packs]}
    # From here on packs appear one by one; a run killed between them knows them for its own.
    _write_json(output / f"{name}.prepared.json", state)
    for old in set(there) - set(packs):  # of other settings: its people may be in other parts now
        old.unlink()
    for part, pack in zip(full, packs, strict=True):
        _join(shards[part], pack, columns)
    state |= {"complete": True, "faces": len(kept), "skipped": out}
    _write_json(output / f"{name}.prepared.json", state)
    return Prepared(packs, len(kept), tuple(out), fresh=True)


def _labels(shards: Sequence[Path]) -> list[dict[str, Any]]:
    """All columns of some shards but the images."""
    import pyarrow.parquet as pq

    columns = [*COLUMNS[1:], "skipped"]
    return [row for p in shards for row in pq.read_table(p, columns=columns).to_pylist()]


def _join(shards: Sequence[Path], pack: Path, columns: list[str]) -> None:
    """One pack from its shards, a shard at a time: a whole data set need not fit into memory."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    with _whole(pack) as temporary, contextlib.ExitStack() as stack:
        writer = None
        for path in shards:
            table = pq.read_table(path)
            table = table.filter(pc.equal(table["skipped"], "")).select(columns)
            if "identity" in columns:
                known = pc.not_equal(table["identity"], "")
                names = pc.if_else(known, table["identity"], table["source"])
                table = table.set_column(columns.index("identity"), "identity", names)
            if writer is None:  # WebP does not shrink any further
                new = pq.ParquetWriter(temporary, table.schema, compression="none")
                writer = stack.enter_context(new)
            if len(table):
                writer.write_table(table)


@contextlib.contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """A temporary file that takes the name ``path`` once it is written and on the disk."""
    token = f"{os.getpid()}-{secrets.token_hex(4)}"
    temporary = path.with_name(f".{path.name}.{token}{TEMPORARY}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error).splitlines()[0]
        raise OutputError(
            f"{path}: cannot write it ({reason}); free some space or choose another --output"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _checked_key(records: Sequence[Record], name: str, size: int) -> str:
    """What decides every byte of the packs: photos by name and length, labels, settings."""
    lost = next((r.source for r in records if r.split not in PARTS), None)
    if lost is not None:
        raise OptionError(f"{lost}: in no part; expected train, val or test; split the set first")
    if not name or name != Path(name).name:
        raise OptionError(f"name: got {name!r}; expected a plain name without folders")
    rows = [
        (r.source, r.gender, r.identity, r.race, r.age, r.split, r.landmarks, _length(r.path))
        for r in records
    ]
    text = json.dumps([ALIGNMENT, size, QUALITY, SHARD, rows])
    return hashlib.sha256(text.encode()).hexdigest()


def _length(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write_json(path: Path, value: Any) -> None:
    write_atomic(json.dumps(value, indent=1).encode() + b"\n", path, overwrite=True)
