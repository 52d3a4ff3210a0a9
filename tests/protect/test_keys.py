"""Keys of random targets: what is one, where it is kept, and what hangs on it."""

from __future__ import annotations

import hashlib
import hmac
import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import faceveil
from faceveil.errors import OptionError
from faceveil.evaluation.verdict import side
from faceveil.imaging.crop import extract_crop
from faceveil.imaging.geometry import canonical_from_landmarks
from faceveil.protect import keys
from faceveil.protect.keys import own_key, read_key
from faceveil.protect.photo import PhotoOptions
from faceveil.protect.targets import Draw

RANDOM = bytes(range(3, 250, 7))
CROP = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A user's configuration folder without a key."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    keys._own_key.cache_clear()
    yield tmp_path / "config" / "faceveil"
    keys._own_key.cache_clear()


@pytest.mark.skipif(sys.platform != "linux", reason="XDG_CONFIG_HOME is Linux's")
def test_made_once_for_its_user_alone_and_said_once(home):
    first = own_key()
    file = home / "key"
    assert str(file) in first.told
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert len(first.secret) == 32
    assert [p.name for p in home.iterdir()] == ["key"]
    keys._own_key.cache_clear()  # another process
    second = own_key()
    assert second.secret == first.secret == file.read_bytes()
    assert second.told == ""


@pytest.mark.skipif(sys.platform != "linux", reason="XDG_CONFIG_HOME is Linux's")
def test_many_at_once_agree(home):
    code = "from faceveil.protect.keys import own_key; print(own_key().secret.hex())"

    def ask(_):
        return subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(ask, range(4)))) == 1


def test_where_nothing_can_be_written_it_holds_for_the_run(home):
    home.parent.write_bytes(b"a file where the folder would be")
    key = own_key()
    assert "this run only" in key.told
    assert own_key().secret == key.secret


def test_a_file_that_the_environment_names(home, tmp_path, monkeypatch):
    (tmp_path / "k").write_bytes(RANDOM)
    (tmp_path / "k").chmod(0o600)
    monkeypatch.setenv("FACEVEIL_KEY", str(tmp_path / "k"))
    assert own_key() == keys.Key(RANDOM)
    assert not home.exists()
    monkeypatch.setenv("FACEVEIL_KEY", str(tmp_path / "absent"))
    with pytest.raises(OptionError, match="absent: No such file"):
        own_key()


@pytest.mark.parametrize(
    "data", [b"", bytes(16), bytes(64), b"12345", b"aaaaaaaaaaaaaaaa", b"password", RANDOM[:15]]
)
def test_what_could_be_guessed_is_no_key(tmp_path, data):
    (tmp_path / "k").write_bytes(data)
    with pytest.raises(OptionError, match=r"expected at least|mixed characters"):
        read_key(tmp_path / "k")


def test_a_password_is_stretched(tmp_path):
    (tmp_path / "k").write_bytes(b"correct horse 9\n")
    expected = hashlib.scrypt(
        b"correct horse 9", salt=b"faceveil password", n=2**14, r=8, p=1, dklen=32
    )
    assert read_key(tmp_path / "k").secret == expected


@pytest.mark.skipif(os.name != "posix", reason="POSIX files")
def test_what_never_ends_is_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/urandom", tmp_path):
        with pytest.raises(OptionError, match="not a regular file"):
            read_key(keys.Path(path))
    with (tmp_path / "large").open("wb") as file:
        file.truncate(10**9)
    with pytest.raises(OptionError, match="1,000,000,000 bytes"):
        read_key(tmp_path / "large")
    (tmp_path / "open").write_bytes(RANDOM)
    (tmp_path / "open").chmod(0o644)
    assert "chmod 600" in read_key(tmp_path / "open").told


def test_a_key_is_not_shown():
    assert "secret" not in repr(keys.Key(RANDOM))


def test_draws_hang_on_the_own_key_unless_a_seed_is_given(home):
    drawn = [Draw().male(CROP + i) for i in range(64)]
    secret = own_key().secret
    assert drawn == [
        float(hmac.new(secret, (CROP + i).tobytes(), "sha256").digest()[0] & 1) for i in range(64)
    ]
    assert drawn != [Draw(seed=0).male(CROP + i) for i in range(64)]
    assert 16 < sum(drawn) < 48
    # All photos of one person alike, and not the same person for everybody.
    people = [Draw(person=f"folder {i}").male(CROP) for i in range(64)]
    assert people == [Draw(person=f"folder {i}").male(CROP + 1) for i in range(64)]
    assert people != [Draw(key=RANDOM, person=f"folder {i}").male(CROP) for i in range(64)]


def test_a_seed_does_not_decide_for_a_person():
    with pytest.raises(OptionError, match="anybody can compute"):
        PhotoOptions(seed=0, person="all")


def test_the_default_protector_draws(home, portrait):
    protector = faceveil.load_protector()
    targets = [
        protector.protect_photo(portrait, key=RANDOM + bytes([i])).faces[0].target for i in range(8)
    ]
    assert set(targets) == {"female", "male"}
    mine = protector.protect_photo(portrait)
    again = protector.protect_photo(portrait)
    assert mine.faces[0].target in ("female", "male")
    np.testing.assert_array_equal(mine.image, again.image)
    assert protector.protect_photo(portrait, target="neutral").faces[0].target == "neutral"


def test_check_says_as_drawn_whichever_it_was(home, portrait):
    protector = faceveil.load_protector()
    verdicts = {}
    for i in range(8):
        key = RANDOM + bytes([i])
        done = protector.protect_photo(portrait, key=key)
        face = done.faces[0]
        crop = extract_crop(portrait, canonical_from_landmarks(face.face.landmarks))
        assert (Draw(key=key).male(crop) == 1) == (face.target == "male")
        checked = faceveil.check(portrait, done.image, key=key).checks[0]
        drawn = 1 if face.target == "male" else -1
        sides = [side(reading.after) for reading in checked.readings]
        most = 2 * sides.count(drawn) > len(sides) and -drawn not in sides
        assert (checked.outcome == "as_drawn") == most
        verdicts[face.target] = checked.verdict
        if face.target == "female":  # she was read as that before
            assert checked.passed
            assert not faceveil.check(portrait, done.image, key=b"").passed  # nobody knows the draw
    assert verdicts["female"].startswith("Reads as your key drew")
    assert not (home / "key").exists()  # who only looks makes none


def test_what_did_not_change_has_not_worked_whatever_was_drawn(portrait):
    for i in range(8):
        assert not faceveil.check(portrait, portrait, key=RANDOM + bytes([i])).passed
