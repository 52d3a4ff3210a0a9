"""What the API does to photos: models loaded once, shared by all threads."""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from faceveil.api import load_protector
from faceveil.errors import NoFaceError
from faceveil.evaluation.check import PhotoCheck, check_photos, known_draw
from faceveil.files.memory import memory_for
from faceveil.imaging.decode import decode_photo, header_pixels
from faceveil.imaging.detect import Detector, numbered, sight_of
from faceveil.imaging.encode import encode_photo
from faceveil.imaging.photo import Photo, as_rgb
from faceveil.imaging.search import Sight
from faceveil.inference.device import Choice
from faceveil.judges.registry import JudgeSet, bundled
from faceveil.protect.choose import Chosen
from faceveil.protect.protector import Protector
from faceveil.protect.targets import Draw
from faceveil.types import Face, ProtectedFace, Target, Uint8Array
from faceveil.web.errors import ApiError
from faceveil.web.options import ProtectFields
from faceveil.web.pool import Deadline
from faceveil.web.watched import (
    CHECK_SECONDS,
    Finder,
    WatchedJudge,
    WatchedMethod,
    refuse_too_much,
    seconds_of,
)

T = TypeVar("T")

MAX_PROTECTORS = 16
"""Protectors kept; options of clients must not fill the memory."""


@dataclass(frozen=True, slots=True, eq=False)
class Done:
    """A protected photo.

    Attributes:
        picture: the file.
        format: as of :class:`faceveil.imaging.photo.Photo`.
        faces: what was done to each.
        check: of that file, where it was asked for.
    """

    picture: bytes
    format: str
    faces: tuple[ProtectedFace, ...]
    check: PhotoCheck | None
    chosen: Chosen


class _Known:
    """A detector that knows the answer: the check looks at the faces that were protected."""

    def __init__(self, sight: Sight) -> None:
        self.sight = sight

    def detect(self, rgb: Uint8Array) -> tuple[Face, ...]:
        return self.sight.faces

    def search(self, rgb: Uint8Array) -> Sight:
        return self.sight


class _Once(Generic[T]):
    """Something that is made at its first use: who needs another does not wait for it."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: T | None = None
        self._lock = threading.Lock()

    def get(self) -> T:
        with self._lock:
            if self._made is None:
                self._made = self._make()
            return self._made


class Engine:
    """Detects, protects and checks.

    Args:
        max_pixels: larger photos are refused.
        threads: threads inside one operator.
        load: makes a protector; :func:`faceveil.load_protector` but for tests.
        detector: finds faces; CenterFace where None.
        judges: for the check; the package's own where None.
        key: draws random targets; this machine's own where empty.
    """

    def __init__(
        self,
        max_pixels: int,
        threads: int = 1,
        load: Callable[..., Protector] = load_protector,
        detector: Detector | None = None,
        judges: JudgeSet | None = None,
        key: bytes = b"",
    ) -> None:
        self.max_pixels, self.threads, self.key = max_pixels, threads, key
        self._load = load
        self._detector = _Once(lambda: detector or Finder(choice=Choice(threads=threads)))
        self._judges = _Once(lambda: judges or bundled(threads))
        self._protectors: OrderedDict[tuple[Any, ...], _Once[Protector]] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def detector(self) -> Detector:
        """The detector, loaded at the first use."""
        return self._detector.get()

    @property
    def judges(self) -> JudgeSet:
        """The judges of the check, loaded at the first use."""
        return self._judges.get()

    def protector(self, fields: ProtectFields) -> Protector:
        """The protector that the fields ask for."""
        hide = None if fields.hide is None else tuple(fields.hide.split(","))
        seed = (fields.seed or 0) if fields.combine == "gibbs" else 0
        key = (fields.method, fields.stages, fields.combine, hide, seed)
        make = partial(
            self._load,
            fields.method,
            detector=self.detector,
            threads=self.threads,
            stages=fields.stages,
            combine=fields.combine,
            hide=hide,
            seed=seed,
        )
        with self._lock:
            found = self._protectors.setdefault(key, _Once(make))
            self._protectors.move_to_end(key)
            while len(self._protectors) > MAX_PROTECTORS:
                self._protectors.popitem(last=False)
        try:
            return found.get()
        except Exception:
            with self._lock:  # what cannot be made takes no place
                self._protectors.pop(key, None)
            raise

    def warm(self) -> None:
        """Load what most calls need, so that a missing model is known at once.

        Raises:
            ModelError: if one is missing or damaged.
        """
        self.protector(ProtectFields())

    def _finder(self, deadline: Deadline) -> Detector:
        detector = self.detector
        return detector.until(deadline) if isinstance(detector, Finder) else detector

    def detect(self, data: bytes, deadline: Deadline) -> tuple[tuple[int, int], Sight]:
        """Width and height of a photo, and its faces and doubtful places, numbered."""
        with memory_for(data, max_pixels=self.max_pixels):
            rgb = as_rgb(self._decode(data))
            sight = numbered(sight_of(self._finder(deadline), rgb))
        return (rgb.shape[1], rgb.shape[0]), sight

    def protect(
        self, data: bytes, fields: ProtectFields, deadline: Deadline, name: str = ""
    ) -> Done:
        """Protect one photo, and encode it in its own format.

        Args:
            data: the encoded photo.
            fields: what to do.
            deadline: until when.
            name: that the client gave it, by which its boxes are known.

        Raises:
            FaceVeilError: if it cannot be done.
            ApiError: if it is too much, or the time is up.
        """
        deadline.look()
        given = fields.given(name)
        photo = self._decode(data)
        method, options = self.protector(fields), fields.photo_options(self.key)
        watched = Protector(
            WatchedMethod(method.crop_protector, deadline),
            method.estimator,
            self._finder(deadline),
        )
        chosen = watched.choose(photo, options, given)
        count = 1 if options.aligned else len(chosen.faces)
        refuse_too_much(count, seconds_of(fields), fields.method, deadline)
        done, faces = watched.protect_loaded(photo, options, chosen.faces)
        if not faces:
            raise NoFaceError("no face found; expected at least one")
        deadline.look()
        picture = encode_photo(done, keep_metadata=fields.keep_metadata)
        if not fields.check:
            return Done(picture, done.format, faces, None, chosen)
        known = _Known(Sight(tuple(face.face for face in faces), chosen.doubtful))
        drawn = options.aim(method.crop_protector).target == "random"
        # What leaves is what is looked at: the file, not the pixels before they were encoded.
        after = as_rgb(decode_photo(picture, max_pixels=self.max_pixels))
        draw = options.draw if drawn else None
        check = self._compare(as_rgb(photo), after, known, deadline, draw)
        return Done(picture, done.format, faces, check, chosen)

    def check(
        self, original: bytes, protected: bytes, deadline: Deadline, target: Target | None = None
    ) -> PhotoCheck:
        """Compare a photo with its protected copy.

        Raises:
            FaceVeilError: if one cannot be read, or they differ in size.
            ApiError: if the time is up.
        """
        with memory_for(original, protected, max_pixels=self.max_pixels):
            before, after = (as_rgb(self._decode(data)) for data in (original, protected))
            known = _Known(sight_of(self._finder(deadline), before))
            refuse_too_much(len(known.sight.faces), CHECK_SECONDS, "the check", deadline)
            draw = known_draw(target, self.key or None)
            return self._compare(before, after, known, deadline, draw)

    def _compare(
        self,
        before: Uint8Array,
        after: Uint8Array,
        detector: Detector,
        deadline: Deadline,
        draw: Draw | None,
    ) -> PhotoCheck:
        judges = self.judges
        gender = [WatchedJudge(judge, deadline) for judge in judges.gender]
        matcher = WatchedJudge(judges.matchers[0], deadline)
        limit = judges.matchers[0].threshold(1e-3)
        return check_photos(before, after, detector, gender, matcher, limit, draw)

    def _decode(self, data: bytes) -> Photo:
        pixels = header_pixels(data, sys.maxsize)
        if pixels > self.max_pixels:  # what the package says is for who can change the limit
            raise ApiError(
                "too_large",
                f"{pixels:,} pixels; this server takes photos of at most {self.max_pixels:,}; "
                "shrink it to that, or protect it where FaceVeil is installed with "
                "'faceveil protect --max-pixels'",
            )
        return decode_photo(data, max_pixels=self.max_pixels)
