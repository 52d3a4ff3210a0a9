"""What the API does to photos: models loaded once, shared by all threads."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from faceveil.api import load_protector
from faceveil.errors import NoFaceError
from faceveil.evaluation.check import PhotoCheck, check_photos, known_draw
from faceveil.files.memory import memory_for
from faceveil.imaging.decode import decode_photo
from faceveil.imaging.detect import CenterFace, Detector, numbered, sight_of
from faceveil.imaging.encode import encode_photo
from faceveil.imaging.photo import as_rgb
from faceveil.imaging.search import Sight
from faceveil.inference.device import Choice
from faceveil.judges.registry import JudgeSet, bundled
from faceveil.protect.choose import Chosen
from faceveil.protect.protector import Protector
from faceveil.protect.targets import Draw
from faceveil.types import Face, ProtectedFace, Target, Uint8Array
from faceveil.web.options import ProtectFields

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

    def __init__(self, faces: tuple[Face, ...]) -> None:
        self.faces = faces

    def detect(self, rgb: Uint8Array) -> tuple[Face, ...]:
        return self.faces


class Engine:
    """Detects, protects and checks.

    Args:
        max_pixels: larger photos are refused.
        threads: threads inside one operator.
        load: makes a protector; :func:`faceveil.load_protector` but for tests.
        detector: finds faces; CenterFace where None.
        judges: for the check; the package's own where None.
    """

    def __init__(
        self,
        max_pixels: int,
        threads: int = 1,
        load: Callable[..., Protector] = load_protector,
        detector: Detector | None = None,
        judges: JudgeSet | None = None,
    ) -> None:
        self.max_pixels, self.threads = max_pixels, threads
        self._load, self._detector, self._judges = load, detector, judges
        self._protectors: OrderedDict[tuple[Any, ...], Protector] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def detector(self) -> Detector:
        """The detector, loaded at the first use."""
        with self._lock:
            if self._detector is None:
                self._detector = CenterFace(choice=Choice(threads=self.threads))
            return self._detector

    @property
    def judges(self) -> JudgeSet:
        """The judges of the check, loaded at the first use."""
        with self._lock:
            if self._judges is None:
                self._judges = bundled(self.threads)
            return self._judges

    def protector(self, fields: ProtectFields) -> Protector:
        """The protector that the fields ask for."""
        hide = None if fields.hide is None else tuple(fields.hide.split(","))
        seed = (fields.seed or 0) if fields.combine == "gibbs" else 0
        key = (fields.method, fields.stages, fields.combine, hide, seed)
        detector = self.detector
        with self._lock:
            if key not in self._protectors:
                self._protectors[key] = self._load(
                    fields.method,
                    detector=detector,
                    threads=self.threads,
                    stages=fields.stages,
                    combine=fields.combine,
                    hide=hide,
                    seed=seed,
                )
            self._protectors.move_to_end(key)
            while len(self._protectors) > MAX_PROTECTORS:
                self._protectors.popitem(last=False)
            return self._protectors[key]

    def warm(self) -> None:
        """Load what most calls need, so that a missing model is known at once.

        Raises:
            ModelError: if one is missing or damaged.
        """
        self.protector(ProtectFields())

    def detect(self, data: bytes) -> tuple[tuple[int, int], Sight]:
        """Width and height of a photo, and its faces and doubtful places, numbered."""
        with memory_for(data, max_pixels=self.max_pixels):
            rgb = as_rgb(decode_photo(data, max_pixels=self.max_pixels))
            sight = numbered(sight_of(self.detector, rgb))
        return (rgb.shape[1], rgb.shape[0]), sight

    def protect(self, data: bytes, fields: ProtectFields, name: str = "") -> Done:
        """Protect one photo, and encode it in its own format.

        Args:
            data: the encoded photo.
            fields: what to do.
            name: that the client gave it, by which its boxes are known.

        Raises:
            FaceVeilError: if it cannot be done.
        """
        given = fields.given(name)
        photo = decode_photo(data, max_pixels=self.max_pixels)
        protector, options = self.protector(fields), fields.photo_options()
        chosen = protector.choose(photo, options, given)
        done, faces = protector.protect_loaded(photo, options, chosen.faces)
        if not faces:
            raise NoFaceError("no face found; expected at least one")
        picture = encode_photo(done, keep_metadata=fields.keep_metadata)
        if not fields.check:
            return Done(picture, done.format, faces, None, chosen)
        known = _Known(tuple(face.face for face in faces))
        drawn = options.aim(protector.crop_protector).target == "random"
        # What leaves is what is looked at: the file, not the pixels before they were encoded.
        after = as_rgb(decode_photo(picture, max_pixels=self.max_pixels))
        check = self._compare(as_rgb(photo), after, known, options.draw if drawn else None)
        return Done(picture, done.format, faces, check, chosen)

    def check(self, original: bytes, protected: bytes, target: Target | None = None) -> PhotoCheck:
        """Compare a photo with its protected copy.

        Raises:
            FaceVeilError: if one cannot be read, or they differ in size.
        """
        with memory_for(original, protected, max_pixels=self.max_pixels):
            before, after = (
                as_rgb(decode_photo(data, max_pixels=self.max_pixels))
                for data in (original, protected)
            )
            return self._compare(before, after, self.detector, known_draw(target))

    def _compare(
        self, before: Uint8Array, after: Uint8Array, detector: Detector, draw: Draw | None
    ) -> PhotoCheck:
        own = self.judges
        return check_photos(before, after, detector, own.gender, own.matchers[0], draw=draw)
