"""A matcher's side of the default protector's training."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from faceveil.data.packs import Pack  # noqa: E402
from faceveil.systems.adaptive.embedded import (  # noqa: E402
    Bank,
    Embedded,
    embedded,
    same_person,
)


def unit(rng, *shape):
    x = rng.normal(size=shape).astype(np.float32)
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


class Mean(torch.nn.Module):
    """Embeds a face as its colours' means: what it says can be worked out by hand."""

    def forward(self, image):
        return image.mean(dim=(2, 3)) - 0.5


def test_same_person_against_a_search():
    identity = np.array([3, 1, 3, 2, 3, 1, 3, 3])
    found = same_person(identity, most=4)
    for row, others in enumerate(found):
        wanted = set(np.flatnonzero(identity == identity[row])) - {row}
        assert set(others) == (wanted or {row})


def test_terms_by_hand():
    rng = np.random.default_rng(0)
    own, wanted = unit(rng, 4, 3), unit(rng, 4, 3)
    others = np.array([[1], [0], [3], [2]])
    made = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    rows = torch.tensor([2, 0])
    side = Embedded(
        Mean(), torch.from_numpy(own), torch.from_numpy(wanted), torch.from_numpy(others), 0.3
    )
    away, short, found = side.terms(made, rows, 0.1, torch.Generator().manual_seed(0))
    x = made.numpy().mean(axis=(2, 3)) - 0.5
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    np.testing.assert_allclose(found.numpy(), x, atol=1e-6)
    assert float(away) == pytest.approx(1 - np.mean([x[0] @ wanted[2], x[1] @ wanted[0]]), abs=1e-6)
    lacking = [
        max(0.0, min(float(own[r] @ own[o]), 0.4) - float(x[k] @ own[o]))
        for k, (r, o) in enumerate(((2, 3), (0, 1)))
    ]
    assert float(short) == pytest.approx(np.mean(lacking), abs=1e-6)


def test_the_bank_against_numpy():
    rng = np.random.default_rng(1)
    faces, male = unit(rng, 8, 5), np.array([1, 0, 1, 1, 0, 0, 1, 0], np.float32)
    bank = Bank(6, 0.1)
    asked = torch.from_numpy(unit(rng, 3, 5)).requires_grad_(True)
    assert float(bank.even_odds(asked)) == 0  # nothing remembered yet
    for part in (slice(0, 4), slice(4, 8)):
        bank.remember(torch.from_numpy(faces[part]), torch.from_numpy(male[part]))
    kept, side = faces[2:], male[2:]  # the oldest two are gone
    votes = np.exp(asked.detach().numpy() @ kept.T / 0.1)
    p = (votes @ side) / votes.sum(axis=1)
    share = side.mean()
    odds = np.log(p / (1 - p)) - np.log(share / (1 - share))
    wanted = np.mean(np.log1p(np.exp(odds)) + np.log1p(np.exp(-odds))) / 2
    found = bank.even_odds(asked)
    assert float(found) == pytest.approx(wanted, rel=1e-4)
    found.backward()
    assert asked.grad.abs().sum() > 0


def test_embeddings_are_worked_out_once(tmp_path):
    rng = np.random.default_rng(2)
    images = rng.integers(0, 256, (40, 16, 16, 3), dtype=np.uint8)
    pack = Pack(images, (np.arange(40) % 2).astype(np.float32), np.arange(40) // 2)
    cache = tmp_path / "run" / "matcher.npz"
    first = embedded(Mean(), pack, 16, cache, "cpu", barycentre=False)
    assert torch.equal(first.own, first.wanted)
    np.testing.assert_allclose(np.linalg.norm(first.own.numpy(), axis=1), 1, atol=1e-5)
    again = embedded(None, pack, 16, cache, "cpu", barycentre=False)  # the matcher is not asked
    assert torch.equal(first.own, again.own)
    assert first.threshold == again.threshold
    moved = embedded(Mean(), pack, 16, cache, "cpu", barycentre=True)
    assert not torch.equal(moved.wanted, moved.own)


def test_another_sets_embeddings_are_refused(tmp_path):
    from faceveil.errors import OptionError

    images = np.zeros((4, 16, 16, 3), np.uint8)
    pack = Pack(images, np.array([1, 0, 1, 0], np.float32), np.arange(4))
    np.savez(tmp_path / "m.npz", embeddings=np.zeros((3, 2), np.float32))
    with pytest.raises(OptionError, match=r"m\.npz: 3 embeddings for 4 faces; delete it"):
        embedded(Mean(), pack, 16, tmp_path / "m.npz", "cpu", barycentre=False)
