"""SE-ResNet-50: the published sizes, and a block written out."""

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")
from safetensors.torch import save_file  # noqa: E402
from torch.nn import functional as F  # noqa: E402, N812

from faceveil.errors import ModelError  # noqa: E402
from faceveil.training import matchers  # noqa: E402
from faceveil.training.matchers import load_matcher  # noqa: E402
from faceveil.training.networks.se_resnet import MARK, MEAN_BGR, SEResNet  # noqa: E402


def test_the_published_shape():
    with torch.device("meta"):
        network = SEResNet()
    # SE-ResNet-50 without its classifier: ResNet-50's 23,508,032 and 2,530,992 of the excitation.
    assert sum(p.numel() for p in network.parameters()) == 23_508_032 + 2_530_992
    assert MARK in network.state_dict()
    assert network.layer4[2].conv3.weight.shape == (2048, 512, 1, 1)


def norm(x, m):
    return F.batch_norm(x, m.running_mean, m.running_var, m.weight, m.bias, eps=m.eps)


def test_forward_written_out():
    torch.manual_seed(0)
    network = SEResNet(width=16, blocks=(1, 1)).eval()
    for m in network.modules():
        if isinstance(m, torch.nn.BatchNorm2d):
            m.running_mean.normal_()
            m.running_var.uniform_(0.5, 2)
    rgb = torch.rand(2, 3, 40, 40)
    with torch.no_grad():
        bgr = torch.stack([255 * rgb[:, 2 - k] - MEAN_BGR[k] for k in range(3)], dim=1)
        x = F.relu(norm(F.conv2d(bgr, network.conv1.weight, stride=2, padding=3), network.bn1))
        x = F.max_pool2d(F.pad(x, (0, 1, 0, 1), value=-1e9), 3, 2)  # ceil mode: one more at the end
        for block, stride in ((network.layer1[0], 1), (network.layer2[0], 2)):
            y = F.relu(norm(F.conv2d(x, block.conv1.weight, stride=stride), block.bn1))
            y = F.relu(norm(F.conv2d(y, block.conv2.weight, padding=1), block.bn2))
            y = norm(F.conv2d(y, block.conv3.weight), block.bn3)
            squeezed = F.adaptive_avg_pool2d(y, 1)
            squeezed = F.relu(F.conv2d(squeezed, block.conv4.weight, block.conv4.bias))
            gate = torch.sigmoid(F.conv2d(squeezed, block.conv5.weight, block.conv5.bias))
            short = block.downsample
            x = F.relu(y * gate + norm(F.conv2d(x, short[0].weight, stride=stride), short[1]))
        torch.testing.assert_close(network(rgb), x.mean((2, 3)), atol=1e-3, rtol=1e-4)


def small(monkeypatch):
    torch.manual_seed(1)
    monkeypatch.setattr(matchers, "SEResNet", lambda: SEResNet(width=16, blocks=(1, 1)))
    return SEResNet(width=16, blocks=(1, 1))


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_loads_what_a_user_has_and_passes_gradients(tmp_path, monkeypatch, suffix):
    network = small(monkeypatch)
    state = {k: v for k, v in network.state_dict().items() if "num_batches" not in k}
    state |= {"fc.weight": torch.zeros(3, 512), "fc.bias": torch.zeros(3)}
    path = tmp_path / f"senet50_ft{suffix}"
    save_file(state, path) if suffix == ".safetensors" else torch.save(state, path)
    matcher = load_matcher(path, 128, (0.0, 255.0))
    faces = torch.rand(2, 3, 128, 128, requires_grad=True)
    out = matcher(faces)
    assert out.shape == (2, 128)
    out.sum().backward()
    assert faces.grad.abs().sum() > 0
    assert not any(p.requires_grad for p in matcher.parameters())
    grey = torch.rand(2, 1, 128, 128)
    torch.testing.assert_close(matcher(grey), matcher(grey.expand(-1, 3, -1, -1)))


def test_what_does_not_fit_is_named(tmp_path, monkeypatch):
    network = small(monkeypatch)
    state = network.state_dict()
    state["layer2.0.conv2.weight"] = torch.zeros(1, 1, 3, 3)
    save_file(state, tmp_path / "x.safetensors")
    with pytest.raises(ModelError, match=r"layer2\.0\.conv2\.weight"):
        load_matcher(tmp_path / "x.safetensors", 128, (0.0, 255.0))
    with pytest.raises(ModelError, match="no such file"):
        load_matcher(tmp_path / "none.pth", 128, (0.0, 255.0))
