"""VGG-Face for grey faces equals the RGB network on three equal channels."""

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")
from safetensors.torch import save_file  # noqa: E402
from torch.nn import functional as F  # noqa: E402, N812

from faceveil.errors import ModelError  # noqa: E402
from faceveil.training.networks import vgg_face  # noqa: E402
from faceveil.training.networks.vgg_face import MEAN, VGGFace, load_vgg_face  # noqa: E402

SMALL = {"widths": ((4, 4), (6,)), "hidden": 5, "outputs": 7, "side": 16}


def rgb_state(seed=0):
    """Weights of a small RGB network with the public conversion's names."""
    torch.manual_seed(seed)
    own = VGGFace(**SMALL).state_dict()
    state = {k: v.clone() for k, v in own.items() if k != "correction"}
    return state | {"conv1_1.weight": torch.randn(4, 3, 3, 3) / 50}


def rgb_forward(state, x):
    """The plain RGB network, written out."""
    x = x - torch.tensor(MEAN).view(1, 3, 1, 1)
    for block in (("conv1_1", "conv1_2"), ("conv2_1",)):
        for name in block:
            x = F.relu(F.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], padding=1))
        x = F.max_pool2d(x, 2)
    x = x.flatten(1)
    for name in ("fc6", "fc7"):
        x = F.relu(F.linear(x, state[f"{name}.weight"], state[f"{name}.bias"]))
    return F.linear(x, state["fc8.weight"], state["fc8.bias"])


def test_grey_equals_rgb_of_equal_channels_borders_included():
    state = rgb_state()
    network = VGGFace(**SMALL)
    network.load_rgb(state)
    grey = torch.rand(2, 1, 16, 16, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        wanted = rgb_forward(state, 255 * grey.expand(2, 3, 16, 16))
        torch.testing.assert_close(network(grey), wanted, atol=1e-3, rtol=1e-4)


def test_colour_is_the_rgb_network_itself():
    """PrivacyNet's matcher sees colour crops."""
    state = rgb_state()
    network = VGGFace(**SMALL)
    network.load_rgb(state)
    colour = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        wanted = rgb_forward(state, 255 * colour)
        torch.testing.assert_close(network(colour), wanted, atol=1e-3, rtol=1e-4)


def test_the_auxiliary_matcher_takes_either(tmp_path, monkeypatch):
    from faceveil.training.matchers import load_matcher

    monkeypatch.setattr(vgg_face, "VGGFace", lambda: VGGFace(**SMALL))
    save_file(rgb_state(), tmp_path / "vgg.safetensors")
    matcher = load_matcher(tmp_path / "vgg.safetensors", 32, (0.0, 255.0))
    grey = torch.rand(2, 1, 32, 32)
    found, equal = matcher(grey), matcher(grey.expand(2, 3, 32, 32))
    assert found.shape == (2, 7)
    torch.testing.assert_close(found, equal, atol=1.0, rtol=0.05)  # bfloat16


def test_the_published_shape():
    with torch.device("meta"):
        network = VGGFace()
    assert network.fc6.weight.shape == (4096, 512 * 7 * 7)
    assert network.fc8.weight.shape == (2622, 4096)
    convolutions = [n for n, m in network.named_modules() if isinstance(m, torch.nn.Conv2d)]
    assert len(convolutions) == 13
    assert convolutions[-1] == "conv5_3"


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_loads_what_a_user_has(tmp_path, monkeypatch, suffix):
    monkeypatch.setattr(vgg_face, "VGGFace", lambda: VGGFace(**SMALL))
    path = tmp_path / f"vgg{suffix}"
    (save_file if suffix == ".safetensors" else torch.save)(rgb_state(), path)
    x = torch.rand(1, 1, 16, 16)
    network = load_vgg_face(path)
    expected = VGGFace(**SMALL)
    expected.load_rgb(rgb_state())
    assert torch.equal(network(x), expected(x))


@pytest.mark.parametrize("change", ["missing", "grey", "shape"])
def test_other_weights_are_refused(change):
    state = rgb_state()
    if change == "missing":
        del state["fc7.bias"]
    elif change == "grey":
        state["conv1_1.weight"] = state["conv1_1.weight"][:, :1]
    else:
        state["fc8.weight"] = state["fc8.weight"][:3]
    with pytest.raises(ModelError, match="VGG-Face"):
        VGGFace(**SMALL).load_rgb(state)


def test_missing_and_damaged_files(tmp_path):
    with pytest.raises(ModelError, match="no such file"):
        load_vgg_face(tmp_path / "none.pth")
    (tmp_path / "bad.pth").write_bytes(b"not weights")
    with pytest.raises(ModelError, match="cannot be read") as caught:
        load_vgg_face(tmp_path / "bad.pth")
    assert "\n" not in str(caught.value)


def test_pickled_objects_are_not_executed(tmp_path):
    """A state dict is read with ``weights_only``: code in a pickle does not run."""

    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    torch.save({"x": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(ModelError):
        load_vgg_face(tmp_path / "evil.pth")
    assert not (tmp_path / "ran").exists()
