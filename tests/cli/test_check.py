"""``faceveil check`` and ``protect --check``: folders, exit codes, errors, and that they agree."""

import base64
import io
import json
import shutil
from html.parser import HTMLParser
from types import SimpleNamespace

import pytest
from PIL import Image

from faceveil import load_protector
from faceveil.cli import check, options, protect
from faceveil.cli.checked import check_results
from faceveil.cli.main import build_parser, main
from faceveil.cli.pairs import Checked, Pair, plan_pairs, summary
from faceveil.files.batch import BatchOptions, protect_files
from faceveil.files.jobs import plan_jobs
from faceveil.protect.photo import PhotoOptions
from tests.cli.test_protect import call
from tests.files.test_batch import write_photo


@pytest.fixture(scope="module")
def protector():
    return load_protector("pixelate", threads=1)


@pytest.fixture(scope="module")
def folders(tmp_path_factory, portrait, protector):
    """Originals, and copies as ``protect`` writes them: one of two photos has a face."""
    root = tmp_path_factory.mktemp("check")
    (root / "in/sub").mkdir(parents=True)
    face = Image.fromarray(portrait[:300, 80:380])
    face.save(root / "in/sub/me.jpg", quality=80)
    Image.new("RGB", (200, 180), (90, 90, 90)).save(root / "in/wall.png")
    arguments = [str(root / "in"), "-o", str(root / "out"), "--check", "--quiet"]
    parsed = build_parser().parse_args(["protect", *arguments])
    assert protect.run(parsed, protector) in (0, 1)
    return root / "in", root / "out"


def test_a_folder_as_json(folders, capsys):
    before, after = folders
    code = main(["check", str(before), str(after), "--target", "neutral", "--json"])
    seen = capsys.readouterr()
    found = json.loads(seen.out)
    (photo,) = found["photos"]
    assert photo["photo"] == "sub/me.jpg"
    assert (photo["original"], photo["protected"]) == tuple(str(f / "sub/me.jpg") for f in folders)
    assert len(photo["faces"][0]["readings"]) == 3
    assert photo["asked"] == "three readers; others may differ"
    assert found["without_copy"] == ["wall.png"]
    assert code == (0 if found["passed"] else 1)
    assert "1 without a protected copy: wall.png" in seen.err


def test_a_folder_as_a_table(folders, capsys):
    assert main(["check", *map(str, folders), "--target", "neutral"]) in (0, 1)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [check.HEADING, "sub/me.jpg"]
    assert lines[-1].startswith("1 photo, 1 face checked: worked on ")
    assert lines[-1].endswith("(three readers; others may differ)")


def test_one_pair_and_a_file_with_the_folder_of_copies_say_the_same(folders, capsys):
    before, after = (folder / "sub/me.jpg" for folder in folders)
    codes = [main(["check", str(before), str(p), "--json"]) for p in (after, after.parent)]
    assert codes[0] == codes[1]
    out = capsys.readouterr().out
    first, end = json.JSONDecoder().raw_decode(out)
    assert json.loads(out[end:]) == first


@pytest.mark.parametrize("kind", ["jpg", "png", "webp"])
def test_protect_says_what_check_says_of_the_file(tmp_path, portrait, protector, capsys, kind):
    (tmp_path / "in").mkdir()
    Image.fromarray(portrait[:300, 80:380]).save(tmp_path / f"in/me.{kind}", quality=70)
    options = BatchOptions(PhotoOptions(strength=0.4))
    jobs = plan_jobs([str(tmp_path / "in")], tmp_path / "out")
    results = list(protect_files(jobs, protector, options))
    (own,) = check_results(results, protector, options, 1)
    names = [str(tmp_path / f"{side}/me.{kind}") for side in ("in", "out")]
    main(["check", *names, "--target", "neutral", "--json"])
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(own.result.to_dict()))


def test_random_targets_of_a_person_are_known_by_key_and_folder(tmp_path, portrait, capsys):
    """A photo protected for a folder's person reads as drawn only with the same wishes."""
    (tmp_path / "ann").mkdir()
    Image.fromarray(portrait[:300, 80:380]).save(tmp_path / "ann/me.png")
    (tmp_path / "key").write_bytes(bytes(range(32)))
    flags = ["--key", str(tmp_path / "key"), "--persons", "folder"]
    arguments = [str(tmp_path / "ann"), "-o", str(tmp_path / "out"), *flags]
    assert call(*arguments, "--check", protector=load_protector(threads=1)) in (0, 1)
    said = capsys.readouterr().err
    main(["check", str(tmp_path / "ann"), str(tmp_path / "out"), *flags])
    last = capsys.readouterr().out.splitlines()[-1]
    assert last in said


def test_after_edits(folders, capsys):
    names = [str(folder / "sub/me.jpg") for folder in folders]
    code = main(["check", *names, "--target", "neutral", "--after", "jpeg60,resize50,screenshot"])
    out = capsys.readouterr().out
    told = [line.split(":")[0].strip() for line in out.splitlines() if "after " in line][1:]
    assert told == ["after jpeg60", "after resize50", "after screenshot"]
    assert code in (0, 1)
    assert main(["check", *names, "--after", "soap"]) == 2
    assert "--after: got 'soap'" in capsys.readouterr().err


class Links(HTMLParser):
    """What a page shows and what it would load."""

    def __init__(self):
        super().__init__()
        self.titles, self.pictures, self.loaded, self._in = [], [], [], ""

    def handle_starttag(self, tag, attrs):
        self._in = tag
        found = dict(attrs)
        if tag == "img":
            self.pictures.append(found["src"])
        if tag in ("script", "link", "iframe") or "href" in found:
            self.loaded.append(tag)

    def handle_data(self, data):
        if self._in == "h2" and data.strip():
            self.titles.append(data)
        self._in = ""


def test_a_sheet_shows_failures_first_and_loads_nothing(folders, tmp_path, capsys):
    before, after = (shutil.copytree(f, tmp_path / f.name) for f in folders)
    for folder in (before, after):
        (folder / "z<b>.png").write_bytes(b"text")
        # Unchanged, and last by name.
        shutil.copy(before / "sub/me.jpg", folder / "y.jpg")
    page = tmp_path / "sheet.html"
    main(["check", str(before), str(after), "--target", "neutral", "--sheet", str(page)])
    rows = page_rows(before, after, capsys)
    links = Links()
    links.feed(page.read_text("utf-8"))
    order = sorted(rows, key=lambda row: row[1])
    assert [title.split(",")[0] for title in links.titles] == [name for name, _ in order]
    assert links.titles[0] == "z<b>.png"
    assert links.loaded == []
    assert len(links.pictures) == 4
    for address in links.pictures:
        kind, _, data = address.partition(";base64,")
        assert kind == "data:image/jpeg"
        assert Image.open(io.BytesIO(base64.b64decode(data))).size == (160, 160)


def page_rows(before, after, capsys):
    """Names of photos with 0 for an error, 1 where it did not work, 2 where it did."""
    capsys.readouterr()
    main(["check", str(before), str(after), "--target", "neutral", "--json"])
    photos = json.loads(capsys.readouterr().out)["photos"]
    return [(p["photo"], 0 if p["error"] else 1 + p["passed"]) for p in photos]


def test_a_sheet_is_not_written_over_a_photo_nor_without_a_check(folders, tmp_path, capsys):
    photo = folders[0] / "sub/me.jpg"
    whole = photo.read_bytes()
    assert main(["check", *map(str, folders), "--sheet", str(photo)]) == 2
    out = ["-o", str(tmp_path / "out")]
    assert main(["protect", str(photo), *out, "--check", "--sheet", str(photo)]) == 2
    assert "--sheet" in capsys.readouterr().err
    assert photo.read_bytes() == whole
    assert main(["protect", str(photo), *out, "--sheet", str(tmp_path / "s.html")]) == 2
    assert "--sheet: it shows what --check found; add --check" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_bad_file_is_named_and_the_others_are_checked(folders, tmp_path, capsys):
    before, after = (shutil.copytree(f, tmp_path / f.name) for f in folders)
    for folder in (before, after):
        (folder / "broken.png").write_bytes(b"text")
    assert main(["check", str(before), str(after)]) == 1
    out = capsys.readouterr().out
    assert f"{before / 'broken.png'}: " in out
    assert "2 photos, 1 face checked" in out
    assert "1 could not be checked" in out
    assert main(["check", str(before / "broken.png"), str(after / "broken.png")]) == 1
    err = capsys.readouterr().err
    assert f"{before / 'broken.png'}: " in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("names", "code", "message"),
    [
        (("in", "none"), 2, "none: no such folder; expected the folder of protected photos"),
        (("in", "in/a.png"), 2, "a.png: a file; expected the folder"),
        (("in", "empty"), 2, "no protected copy of any of the 1 photos"),
        (("none.png", "in/a.png"), 1, "none.png: no such file"),
        (("in/a.png", "in/small.png"), 2, "small.png: photos: got 180x200 and 20x20"),
        (("in/a.png", "in/a.png"), 1, "a.png: no face found"),
    ],
)
def test_what_cannot_be_compared(tmp_path, monkeypatch, capsys, names, code, message):
    monkeypatch.chdir(tmp_path)
    write_photo(tmp_path / "in/a.png")
    (tmp_path / "empty").mkdir()
    if "small" in names[1]:
        Image.new("RGB", (20, 20)).save(tmp_path / "in/small.png")
    assert main(["check", *names]) == code
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_clips_and_others_are_named(tmp_path):
    for name in ("in/a.png", "out/a.png", "in/b.png"):
        write_photo(tmp_path / name)
    (tmp_path / "in/c.mp4").write_bytes(bytes(99))
    (tmp_path / "in/d.gif").write_bytes(b"GIF89a")
    plan = plan_pairs(tmp_path / "in", tmp_path / "out")
    assert plan.pairs == (Pair("a.png", tmp_path / "in/a.png", tmp_path / "out/a.png"),)
    assert (plan.without, plan.clips) == (("b.png",), ("c.mp4",))
    assert plan.unread == "1 file not looked at: 1 .gif"


def test_what_as_drawn_means_is_said_once_and_only_then():
    assert check.coin(["read", "as_drawn", "as_drawn"]) == [options.COIN]
    assert check.coin(["read", "other"]) == []


def test_summary_counts():
    pair = Pair("a", None, None)
    good, turned = (SimpleNamespace(passed=True, outcome=o) for o in ("unclear", "other"))
    bad = SimpleNamespace(passed=False, outcome="other")  # and no longer the same person
    two = SimpleNamespace(checks=(good, bad), after={"jpeg60": (good, bad)}, asked="x")
    rows = [Checked(pair, two), Checked(pair, None, "bad")]
    assert summary(rows) == (
        "2 photos, 2 faces checked: worked on 1, not on 1, after jpeg60 on 1; "
        "1 could not be checked (x)"
    )
    other = SimpleNamespace(checks=(good, turned), after={}, asked="x")
    assert summary([Checked(pair, other)]) == (
        "1 photo, 2 faces checked: worked on 2 (1 of them read as the other gender), not on 0 (x)"
    )


@pytest.mark.parametrize("flag", ["--in-place", "--aligned"])
def test_nothing_to_compare_is_said_before_anything_is_done(tmp_path, capsys, flag):
    photo = write_photo(tmp_path / "in/a.png")
    before = photo.read_bytes()
    where = [] if flag == "--in-place" else ["-o", str(tmp_path / "out")]
    assert main(["protect", str(photo), *where, flag, "--check"]) == 2
    assert f"--check: not with {flag}" in capsys.readouterr().err
    assert photo.read_bytes() == before
    assert not (tmp_path / "out").exists()


def test_protect_check_fails_where_nothing_changed(tmp_path, portrait, capsys):
    Image.fromarray(portrait[:300, 80:380]).save(tmp_path / "me.png")
    flags = ["-o", str(tmp_path / "out"), "--strength", "0", "--check"]
    assert call(tmp_path / "me.png", *flags, protector=load_protector(threads=1)) == 1
    err = capsys.readouterr().err
    assert "me.png: face 0: The face did not change" in err
    assert "worked on 0, not on 1 (three readers; others may differ)" in err
