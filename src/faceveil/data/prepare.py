"""Raw data sets into packs: every photo's face aligned to the canonical frame, resumable."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from faceveil.data.records import Record
from faceveil.data.shards import COLUMNS, QUALITY, join, labels, write_shard
from faceveil.data.splits import PARTS
from faceveil.errors import NoFaceError, OptionError
from faceveil.imaging.detect import Detector
from faceveil.imaging.encode import remove_stale, write_atomic

SHARD = 500  # photos; what is lost at most when a run is killed
ALIGNMENT = 1  # to be raised when the same photo would give another crop


@dataclass(frozen=True, slots=True)
class Naming:
    """Which files the packs are.

    Attributes:
        whole: one pack ``NAME.parquet`` of all photos, whatever part they are in.
        train: where more than one, the training part is that many packs, ``NAME-train-0.parquet``
            and so on.
    """

    whole: bool = False
    train: int = 1

    def files(self, part: str) -> int:
        """How many packs a part is."""
        return self.train if part == "train" and not self.whole else 1

    def dealt(self, name: str, part: str, shards: list[Path]) -> dict[str, list[Path]]:
        """Names of a part's packs, and which shards go into each."""
        count = self.files(part)
        if self.whole:
            return {f"{name}.parquet": shards} if part == "train" else {}
        if count == 1:
            return {f"{name}-{part}.parquet": shards}
        ends = [len(shards) * k // count for k in range(count + 1)]
        return {f"{name}-{part}-{k}.parquet": shards[ends[k] : ends[k + 1]] for k in range(count)}


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
    naming: Naming | None = None,
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
        naming: other files than those.

    Returns:
        The packs (none for a part without any face), and what was left out: photos that cannot be
        decoded or show no face.

    Raises:
        OptionError: if other packs of that name are there, or a record has no part.
        NoFaceError: if no photo shows a face.
        OutputError: if a file cannot be written.
    """
    naming = naming or Naming()
    key = _checked_key(records, name, size, naming)
    work = output / f".parts-{name}"
    before = _read(output / f"{name}.prepared.json")
    if before.get("key") != key:
        before = {}
    if finished := _finished(before, output):
        shutil.rmtree(work, ignore_errors=True)
        return finished
    there = _there(name, output, naming, allowed=bool(before) or overwrite)
    remove_stale({output, work / key[:16]})
    shards: dict[str, list[Path]] = {}
    for part in PARTS:
        group = [r for r in records if r.split == part or (naming.whole and part == "train")]
        found = _shards(group, part, work / key[:16], detector, size, jobs, naming.files(part))
        shards |= naming.dealt(name, part, found)
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


def _there(name: str, output: Path, naming: Naming, *, allowed: bool) -> list[Path]:
    """Packs of that name that lie there already."""
    own = {f"{name}-{x}.parquet" for x in PARTS}
    for part in PARTS:
        own |= naming.dealt(name, part, []).keys()
    there = [p for p in (output / x for x in sorted(own)) if p.exists()]
    if there and not allowed:
        raise OptionError(
            f"{there[0]}: is there already and was not made of these photos and settings; name "
            "another --name, or add --overwrite"
        )
    return there


def _shards(
    records: Sequence[Record],
    part: str,
    folder: Path,
    detector: Detector,
    size: int,
    jobs: int,
    files: int,
) -> list[Path]:
    """The shards of one part, enough for its packs; those that are not there yet are made."""
    paths = []
    shard = max(1, min(SHARD, len(records) // files))
    quiet = None if records else True  # None: a bar on terminals only
    with tqdm(total=len(records), desc=part, unit="photo", disable=quiet) as bar:
        for start in range(0, len(records), shard):
            group = records[start : start + shard]
            path = folder / f"{part}-{start:08d}.parquet"
            if path.is_file():
                bar.update(len(group))
            else:
                write_shard(group, path, detector, size, jobs, bar)
            paths.append(path)
    return paths


def _finish(
    shards: Mapping[str, list[Path]], name: str, output: Path, there: list[Path], key: str
) -> Prepared:
    """Packs from all shards; writes nothing where no shard holds a face."""
    rows = {file: labels(paths) for file, paths in shards.items()}
    kept = [row for found in rows.values() for row in found if not row["skipped"]]
    out = [(r["source"], r["skipped"]) for found in rows.values() for r in found if r["skipped"]]
    if not kept:
        return Prepared((), 0, tuple(out), fresh=True)
    full = [file for file, found in rows.items() if not all(r["skipped"] for r in found)]
    packs = tuple(output / file for file in full)
    # All parts have the same columns, so that they can be read together.
    columns = [
        c for c in COLUMNS if c not in ("identity", "race", "age") or any(r[c] for r in kept)
    ]
    state = {"key": key, "complete": False, "packs": [p.name for p in packs]}
    # From here on packs appear one by one; a run killed between them knows them for its own.
    _write_json(output / f"{name}.prepared.json", state)
    for old in set(there) - set(packs):  # of other settings: its people may be in other parts now
        old.unlink()
    for file, pack in zip(full, packs, strict=True):
        join(shards[file], pack, columns)
    state |= {"complete": True, "faces": len(kept), "skipped": out}
    _write_json(output / f"{name}.prepared.json", state)
    return Prepared(packs, len(kept), tuple(out), fresh=True)


def _checked_key(records: Sequence[Record], name: str, size: int, naming: Naming) -> str:
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
    files = [] if naming == Naming() else [naming.whole, naming.train]
    text = json.dumps([ALIGNMENT, size, QUALITY, SHARD, rows, *files])
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
