"""The networks of adversaries: what they take and give, and that they differ."""

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from faceveil.evaluation.adversaries.attacker_cnns import attacker_cnn  # noqa: E402


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("body", ["plain", "residual", "separable"])
def test_faces_in_logits_out(body, channels):
    network = attacker_cnn(body, channels)
    assert network(torch.zeros(2, channels, 64, 64)).shape == (2, 1)
    with pytest.raises(RuntimeError, match="channels"):
        network(torch.zeros(2, channels + 1, 64, 64))


def test_a_seed_decides_the_weights():
    made = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        made.append(attacker_cnn("residual", 3).state_dict()["0.weight"])
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])


def test_an_unknown_body():
    with pytest.raises(KeyError):
        attacker_cnn("other", 1)
