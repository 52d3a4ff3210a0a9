"""CelebA in its official layout (Liu 2015)."""

from __future__ import annotations

from pathlib import Path

from faceveil.data.records import Record, Split, complete, damaged, find, table

_IMAGES = (
    "img_align_celeba", "Img/img_align_celeba", "img_celeba", "Img/img_celeba",
    "img_align_celeba_png", "Img/img_align_celeba_png",
)  # fmt: skip
_SPLITS: dict[str, Split] = {"0": "train", "1": "val", "2": "test"}


def read_celeba(root: Path) -> list[Record]:
    """Records of CelebA.

    Args:
        root: the folder with ``img_align_celeba`` (or ``img_celeba``) and, flat or in ``Anno`` and
            ``Eval``, ``list_attr_celeba.txt``, ``identity_CelebA.txt`` and
            ``list_eval_partition.txt``; landmarks are used where their list is there.

    Raises:
        OptionError: if a part is missing or damaged.
    """
    images = find(root, _IMAGES, "folder of images")
    attributes = _anno(root, "list_attr_celeba.txt", "attribute list")
    identity = _pairs(_anno(root, "identity_CelebA.txt", "identity list"))
    parts = _pairs(
        find(
            root,
            ("list_eval_partition.txt", "Eval/list_eval_partition.txt"),
            "list of the official parts",
        )
    )
    points = _landmarks(root, aligned="align" in images.name)
    header = attributes.read_text(encoding="utf-8").splitlines()[1:2]
    names = header[0].split() if header else []
    if "Male" not in names:
        raise damaged(attributes, 2, " ".join(names[:3]), "attribute names with Male among them")
    column = names.index("Male") + 1
    records = []
    for number, row in enumerate(table(attributes, skip=2), 3):
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


def _anno(root: Path, name: str, what: str) -> Path:
    return find(root, (name, f"Anno/{name}"), what)


def _pairs(path: Path) -> dict[str, str]:
    rows = table(path)
    bad = next((i for i, r in enumerate(rows) if len(r) != 2), None)
    if bad is not None:
        raise damaged(path, bad + 1, " ".join(rows[bad])[:60], "a file name and a number")
    return {name: value for name, value in rows}


def _landmarks(root: Path, *, aligned: bool) -> dict[str, tuple[tuple[float, float], ...]]:
    """The five landmarks, where the list that fits the images is there."""
    name = "list_landmarks_align_celeba.txt" if aligned else "list_landmarks_celeba.txt"
    for path in (root / name, root / "Anno" / name):
        if path.is_file():
            rows = table(path, skip=2)
            bad = next((i for i, r in enumerate(rows) if len(r) != 11), None)
            if bad is not None:
                raise damaged(path, bad + 3, " ".join(rows[bad])[:60], "a name and ten numbers")
            return {
                r[0]: tuple((float(x), float(y)) for x, y in zip(r[1::2], r[2::2], strict=True))
                for r in rows
            }
    return {}
