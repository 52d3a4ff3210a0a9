"""What a SAN's sheets show."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from faceveil.systems.san.network import SAN  # noqa: E402
from faceveil.systems.san.prototypes import PrototypeSAN  # noqa: E402
from faceveil.systems.san.train import three_outputs  # noqa: E402


def test_outputs_are_same_neutral_and_opposite():
    model = PrototypeSAN(SAN(), torch.rand(2, 3, 16, 16))
    image = torch.rand(3, 1, 16, 16)
    male = np.array([0, 1, 0], np.float32)
    found = three_outputs(model, image, male, male_share=0.4)
    y, eye = torch.from_numpy(male), torch.eye(2, 3).repeat(3, 1, 1)
    for out, target in zip(found, (y, torch.full((3,), 0.4), 1 - y), strict=True):
        with torch.no_grad():
            assert torch.equal(out, model(image, y, target, eye))
