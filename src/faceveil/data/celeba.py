"""CelebA in its official layout (Liu 2015), or as on Kaggle, where the lists are CSV files."""

from __future__ import annotations

from pathlib import Path

from faceveil.data.records import Record, Split, complete, damaged, find, table

_IMAGES = (
    "img_align_celeba/img_align_celeba", "img_align_celeba", "Img/img_align_celeba", "img_celeba",
    "Img/img_celeba",
    "img_align_celeba_png", "Img/img_align_celeba_png",
)  # fmt: skip
_SPLITS: dict[str, Split] = {"0": "train", "1": "val", "2": "test"}
_Points = tuple[tuple[float, float], ...]


def read_celeba(root: Path) -> list[Record]:
    """Records of CelebA.

    Args:
        root: the folder with ``img_align_celeba`` (or ``img_celeba``) and, flat or in ``Anno`` and
            ``Eval``, ``list_attr_celeba.txt``, ``identity_CelebA.txt`` and
            ``list_eval_partition.txt``; landmarks are used where their list is there. Each list may
            be a ``.csv`` with a header instead, as on Kaggle, which has no list of identities:
            nobody is known then, and the official parts still share nobody.

    Raises:
        OptionError: if a part is missing or damaged.
    """
    images = find(root, _IMAGES, "folder of images")
    attributes = _label(root, "list_attr_celeba.txt", "attribute list")
    identity = {}
    if attributes.suffix != ".csv" or _has(root, "identity_CelebA.txt"):
        identity = _pairs(_label(root, "identity_CelebA.txt", "identity list"), "a number")
    parts = _pairs(_label(root, "list_eval_partition.txt", "list of the official parts"), "0 to 2")
    points = _landmarks(root, aligned="align" in images.name)
    rows, first = _rows(attributes), 2
    if attributes.suffix == ".csv":  # the header names the file's column too
        rows[:1] = [row[1:] for row in rows[:1]]
    else:  # the first line is their number
        rows, first = rows[1:], 3
    names = rows[0] if rows else []
    if "Male" not in names:
        raise damaged(attributes, 2, " ".join(names[:3]), "attribute names with Male among them")
    column = names.index("Male") + 1
    records = []
    for number, row in enumerate(rows[1:], first):
        if len(row) <= column or row[column] not in ("1", "-1"):
            raise damaged(attributes, number, " ".join(row)[:60], "a file name and 1 or -1 each")
        name = row[0]
        path = images / name
        if not path.is_file() and images.name.endswith("png"):
            path = path.with_suffix(".png")
        records.append(
            Record(
                path,
                "m" if row[column] == "1" else "f",
                identity.get(name, ""),
                name,
                split=_SPLITS.get(parts.get(name, ""), ""),
                landmarks=points.get(name),
            )
        )
    return complete(records, root)


def _places(name: str) -> tuple[str, ...]:
    csv_name = str(Path(name).with_suffix(".csv"))
    return (name, f"Anno/{name}", f"Eval/{name}", csv_name, f"Anno/{csv_name}", f"Eval/{csv_name}")


def _label(root: Path, name: str, what: str) -> Path:
    return find(root, _places(name), what)


def _has(root: Path, name: str) -> bool:
    return any((root / place).is_file() for place in _places(name))


def _rows(path: Path) -> list[list[str]]:
    """A list's lines as cells, headers included; nothing in CelebA's lists is quoted."""
    rows = table(path)
    return [c.split(",") for row in rows for c in row] if path.suffix == ".csv" else rows


def _pairs(path: Path, what: str) -> dict[str, str]:
    found = {}
    header = int(path.suffix == ".csv")
    for number, row in enumerate(_rows(path)[header:], 1 + header):
        if len(row) != 2 or not row[1].isdigit():
            raise damaged(path, number, " ".join(row)[:60], f"a file name and {what}")
        found[row[0]] = row[1]
    return found


def _landmarks(root: Path, *, aligned: bool) -> dict[str, _Points]:
    """The five landmarks, where the list that fits the images is there."""
    name = "list_landmarks_align_celeba.txt" if aligned else "list_landmarks_celeba.txt"
    path = next((p for p in (root / place for place in _places(name)) if p.is_file()), None)
    if path is None:
        return {}
    found: dict[str, _Points] = {}
    header = 1 if path.suffix == ".csv" else 2
    rows = _rows(path)[header:]
    for number, row in enumerate(rows, header + 1):
        try:
            xs, ys = ([float(v) for v in row[k::2]] for k in (1, 2))
        except ValueError:
            xs, ys = [], []
        if len(xs) != 5 or len(ys) != 5:
            raise damaged(path, number, " ".join(row)[:60], "a file name and ten numbers")
        found[row[0]] = tuple(zip(xs, ys, strict=True))
    return found
