"""The selective transfer unit of STGAN (Liu 2019), which Gender-AN has after its encoder."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class SelectiveTransferUnit(nn.Module):
    """Chooses what of an encoder feature reaches the decoder, guided by the wanted change.

    With f the encoder's feature of layer l, s the state of layer l + 1 and a the attribute
    difference, spread over the picture (STGAN eqs. 3 to 8):

    - s_hat = T(s, a), a transposed convolution that doubles the side;
    - r = sigma(W_r * [f, s_hat]), z = sigma(W_z * [f, s_hat]);
    - s' = r . s_hat, passed on to the next shallower layer;
    - f_hat = tanh(W_h * [f, s']), and the result f' = (1 - z) . s_hat + z . f_hat.

    Args:
        width: maps of the encoder feature; the state has twice as many.
        attributes: length of the difference vector.
        norm: batch normalisation in the gates and the candidate, as the PyTorch version of STGAN
            has it; the authors' own code has none.
    """

    def __init__(self, width: int, attributes: int, *, norm: bool = True) -> None:
        super().__init__()
        self.transfer = nn.ConvTranspose2d(2 * width + attributes, width, 4, 2, 1)

        def gate(activation: nn.Module) -> nn.Sequential:
            layers: list[nn.Module] = [nn.Conv2d(2 * width, width, 3, 1, 1, bias=not norm)]
            if norm:
                layers.append(nn.BatchNorm2d(width))
            return nn.Sequential(*layers, activation)

        self.reset, self.update = gate(nn.Sigmoid()), gate(nn.Sigmoid())
        self.candidate = gate(nn.Tanh())

    def forward(self, feature: Tensor, state: Tensor, difference: Tensor) -> tuple[Tensor, Tensor]:
        """Transfer one layer.

        Args:
            feature: (N, width, H, W) of the encoder.
            state: (N, 2 width, H/2, W/2) of the next deeper layer.
            difference: (N, attributes).

        Returns:
            The transferred feature and the state for the next shallower layer, both
            (N, width, H, W).
        """
        spread = difference[:, :, None, None].expand(-1, -1, *state.shape[2:])
        s_hat = self.transfer(torch.cat([state, spread.to(state.dtype)], dim=1))
        both = torch.cat([feature, s_hat], dim=1)
        reset, update = self.reset(both), self.update(both)
        passed = reset * s_hat
        candidate = self.candidate(torch.cat([feature, passed], dim=1))
        return (1 - update) * s_hat + update * candidate, passed
