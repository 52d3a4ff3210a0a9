"""Nine products a pixel equal upsampling and convolving."""

import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from faceveil.systems.san.nine_products import upsampled_phases  # noqa: E402


@pytest.mark.parametrize("size", [(5, 7), (1, 1), (2, 9)])
def test_against_the_definition(size):
    rng = torch.Generator().manual_seed(0)
    x, w, b = (
        torch.randn(*s, generator=rng, dtype=torch.float64)
        for s in ((2, 3, *size), (4, 3, 3, 3), (4,))
    )
    up = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
    expected = torch.nn.functional.conv2d(up, w, b, padding=1)
    phases = upsampled_phases(x, w, b)
    for k, phase in enumerate(phases):
        torch.testing.assert_close(
            phase, expected[:, :, k // 2 :: 2, k % 2 :: 2], atol=1e-12, rtol=0
        )
    plain = upsampled_phases(x, w, None)[0]
    torch.testing.assert_close(plain + b.view(1, -1, 1, 1), phases[0], atol=1e-12, rtol=0)
