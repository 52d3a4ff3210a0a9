"""What every protector is: something that turns crops into protected crops."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from faceveil.types import Float32Array, Float64Array, Target


@runtime_checkable
class CropProtector(Protocol):
    """Turns canonical crops into protected ones.

    Whatever anybody asks of a method is named here. The shells around it (photos, colour, batches,
    files) are the same for all; see :class:`faceveil.protect.protector.Protector`.
    """

    name: str
    channels: int
    """1: it gets and returns luma, and colours stay; 3: it gets and returns RGB."""
    own_target: Target | None
    """What faces are to read as where the user does not say; None where it knows no targets."""
    needs_gender: bool
    """Whether ``male`` makes a difference to it."""

    @property
    def replaces_face(self) -> bool:
        """Whether its results stand in for the face, as a blur does.

        Then its strength is 1 where nobody says, and in clips results are not averaged over time,
        or the face would shine through.
        """
        ...

    @property
    def runs_on(self) -> str:
        """What computes it, for people: ``CPU``, ``CPU (OpenVINO)``, ``CUDA`` ..."""
        ...

    def protect(
        self,
        faces: Float32Array,
        male: Float32Array,
        target: Float32Array,
        landmarks: Float64Array | None,
    ) -> Float32Array:
        """Protect a batch.

        Args:
            faces: (N, 224, 224) luma or (N, 224, 224, 3) RGB, as ``channels`` says; float32 in
                [0, 1], canonical crops.
            male: (N,) float32, 1 where the person is male, 0 where female, 0.5 where nobody asked.
            target: (N,) float32, what to read as: 1 male, 0 female, 0.5 neutral.
            landmarks: (N, 5, 2) landmarks in pixels of the crop, or None for the template.

        Returns:
            The shape of ``faces``, float32 in [0, 1].
        """
        ...


@runtime_checkable
class FixesForPerson(Protocol):
    """A protector that makes choices for each picture, and can make them once for a person."""

    def fix_for_person(
        self, faces: Float32Array, target: Float32Array, landmarks: Float64Array
    ) -> CropProtector:
        """The protector with its choices made, for clips.

        Args:
            faces: (N, 224, 224[, 3]) in [0, 1], canonical crops of one person, N >= 1.
            target: (1,) what the person is to read as.
            landmarks: (N, 5, 2) in pixels of the crops.
        """
        ...
