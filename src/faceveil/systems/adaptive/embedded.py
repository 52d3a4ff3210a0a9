"""A matcher's side of the default protector: what it should say, and the budget it leaves.

Embeddings of the training set are worked out once. They give each face the embedding that it
should have afterwards, another photo of the same person to match, and the threshold at which
strangers pass.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from faceveil.data.packs import Pack
from faceveil.errors import OptionError
from faceveil.inference.thresholds import threshold_at_fmr
from faceveil.training.barycentre import BarycentreMap
from faceveil.training.gender import as_batch, batches
from faceveil.types import Float32Array

_FITTED = 6500
"""Faces that the maps' reader learns from; it labels the others, whom it has not seen."""


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """One frozen matcher and what it says of the training set.

    Attributes:
        matcher: faces (N, 3, S, S) in [0, 1] -> descriptors (N, D).
        own: (N, D) unit embeddings of the training set.
        wanted: (N, D) what protected faces should have.
        others: (N, K) rows of photos of the same person, the row itself where there is none.
        threshold: cosine at FMR 0.1 % of unprotected impostors.
    """

    matcher: nn.Module
    own: Tensor
    wanted: Tensor
    others: Tensor
    threshold: float

    def terms(
        self, made: Tensor, rows: Tensor, margin: float, generator: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor]:
        """How far protected faces are from what is wanted.

        Args:
            made: (N, 3, S, S) protected faces in [0, 1].
            rows: (N,) which faces of the training set they were.
            margin: above the threshold.
            generator: draws the other photo.

        Returns:
            The mean of 1 - cosine to the wanted embedding; the mean shortfall of the cosine to
            another photo, from the threshold plus the margin or from what the unprotected face
            reaches; and the unit embeddings (N, D).
        """
        found = F.normalize(self.matcher(made), dim=1)
        device = found.device
        away = 1 - (found * self.wanted[rows].to(device)).sum(dim=1).mean()
        pick = torch.randint(self.others.shape[1], (len(rows), 1), generator=generator)
        other = self.own[self.others[rows].gather(1, pick)[:, 0]].to(device)
        reached = (self.own[rows].to(device) * other).sum(dim=1)
        least = reached.clamp(max=self.threshold + margin)
        short = F.relu(least - (found * other).sum(dim=1)).mean()
        return away, short, found


def embed(matcher: nn.Module, images: np.ndarray, frame: int, device: str) -> Float32Array:
    """Unit embeddings of a pack's images: (N, S, S, 3) uint8 -> (N, D)."""
    parts = []
    with torch.no_grad():
        for rows in batches(len(images)):
            image = as_batch(images, rows, frame).to(device)
            parts.append(F.normalize(matcher(image), dim=1).cpu().numpy())
    return np.concatenate(parts)


def embedded(
    matcher: nn.Module, pack: Pack, frame: int, cache: Path, device: str, *, barycentre: bool
) -> Embedded:
    """A matcher with the training set's embeddings.

    Args:
        matcher: frozen.
        pack: the training set; without identities each face is a person of its own.
        frame: side of the faces in pixels.
        cache: an ``.npz`` that keeps the embeddings of a run for its resumption.
        device: ``cpu`` or ``cuda``.
        barycentre: wanted are the embeddings at the barycentre of both genders, else their own.

    Raises:
        OptionError: if the cache is another training set's.
    """
    known: dict[str, Float32Array] = {}
    if cache.is_file():
        with np.load(cache, allow_pickle=False) as file:
            known = {name: file[name] for name in file.files}
        found = len(known["embeddings"])
        if found != len(pack):
            raise OptionError(f"{cache}: {found} embeddings for {len(pack)} faces; delete it")
    else:
        known["embeddings"] = embed(matcher, pack.images, frame, device)
        cache.parent.mkdir(parents=True, exist_ok=True)
        np.savez(cache, embeddings=known["embeddings"])
    own = known["embeddings"]
    people = pack.identity if len(pack.identity) else np.arange(len(pack))
    if barycentre and "wanted" not in known:
        order = np.random.default_rng(0).permutation(np.unique(people))
        first = np.isin(people, order[: max(1, len(order) // 4)])
        rows = np.flatnonzero(first)[:_FITTED]
        known["wanted"] = BarycentreMap.fit(own, pack.male > 0.5, rows)(own)
        np.savez(cache, embeddings=own, wanted=known["wanted"])
    wanted = known["wanted"] if barycentre else own
    return Embedded(
        matcher,
        torch.from_numpy(own),
        torch.from_numpy(wanted),
        torch.from_numpy(same_person(people)),
        threshold_at_fmr(strangers(own, people), 1e-3),
    )


def same_person(identity: np.ndarray, most: int = 4) -> np.ndarray:
    """For each row up to ``most`` other rows of its identity, repeated to fill: (N, most)."""
    order = np.argsort(identity, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(identity[order]) != 0, True])
    out = np.empty((len(identity), most), np.int64)
    for a, b in itertools.pairwise(starts):
        group = order[a:b]
        for k, row in enumerate(group):
            rest = np.delete(group, k) if len(group) > 1 else group
            out[row] = np.resize(rest, most)
    return out


def strangers(own: Float32Array, identity: np.ndarray, count: int = 400_000) -> Float32Array:
    """Cosines of random pairs of different people."""
    rng = np.random.default_rng(1)
    a, b = rng.integers(len(own), size=(2, count))
    keep = identity[a] != identity[b]
    return np.asarray(np.einsum("nd,nd->n", own[a[keep]], own[b[keep]]), np.float32)


class Bank:
    """The last protected faces' embeddings with their genders: a nearest-neighbour reader.

    It learns by remembering, so it is always as fresh as the protector. It is not part of a
    checkpoint; after a resumption it fills again.

    Args:
        size: faces that it remembers.
        heat: of its softmax over cosines.
    """

    def __init__(self, size: int, heat: float) -> None:
        self.size, self.heat = size, heat
        self.faces: Tensor | None = None
        self.male = torch.empty(0)

    def even_odds(self, found: Tensor) -> Tensor:
        """-mean of log p(male) and log p(female) that it gives faces (N, D); scalar."""
        if self.faces is None or len(self.faces) < self.size // 4:
            return found.new_zeros(())
        votes = torch.softmax(found @ self.faces.T / self.heat, dim=1)
        share = self.male.mean().clamp(0.05, 0.95)
        male = (votes @ self.male).clamp(1e-4, 1 - 1e-4)
        # Odds relative to the bank's own shares.
        logit = torch.logit(male) - torch.logit(share)
        return (F.softplus(logit) + F.softplus(-logit)).mean() / 2

    def remember(self, found: Tensor, male: Tensor) -> None:
        """Add faces (N, D) and their true genders (N,); the oldest go."""
        new = found.detach()
        self.faces = new if self.faces is None else torch.cat([self.faces, new])[-self.size :]
        self.male = torch.cat([self.male.to(male.device), male])[-self.size :]
