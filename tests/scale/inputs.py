"""Small inputs of each layout, made from the portrait."""

import io
import tarfile

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq


def photo(portrait, number, suffix=".png"):
    """The portrait at 200 px, a little different each time, encoded."""
    small = cv2.resize(portrait, (200, 200), interpolation=cv2.INTER_AREA)
    small = np.roll(small, number, axis=1)
    done, data = cv2.imencode(suffix, np.ascontiguousarray(small[..., ::-1]))
    assert done
    return data.tobytes()


def folder(path, portrait, count, bad=()):
    """Photos in a folder and one below it; those in ``bad`` are no photos."""
    for i in range(count):
        file = path / ("sub" if i % 3 == 2 else ".") / f"p{i:03d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"no photo" if i in bad else photo(portrait, i))
    return path


def parquet(path, photos, groups=2, struct=True):
    """Rows of ``image`` and ``label`` in row groups of that many."""
    path.parent.mkdir(parents=True, exist_ok=True)
    images = [{"bytes": p, "path": f"{i}.png"} if struct else p for i, p in enumerate(photos)]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())]) if struct else pa.binary()
    table = pa.table({"image": pa.array(images, kind), "label": list(range(len(photos)))})
    pq.write_table(table, path, row_group_size=groups)
    return path


def shard(path, photos, extra=()):
    """A tar of samples ``0000.png`` and ``0000.json``; ``extra``: more members (name, bytes)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for i, data in enumerate(photos):
            for name, content in ((f"{i:04d}.png", data), (f"{i:04d}.json", b'{"n": %d}' % i)):
                _add(tar, name, content)
        for name, content in extra:
            _add(tar, name, content)
    return path


def members(path):
    """Names and bytes of a tar's members."""
    with tarfile.open(path) as tar:
        return {m.name: tar.extractfile(m).read() for m in tar}


def _add(tar, name, content):
    info = tarfile.TarInfo(name)
    info.size = len(content)
    tar.addfile(info, io.BytesIO(content))
