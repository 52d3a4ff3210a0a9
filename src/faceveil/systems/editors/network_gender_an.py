"""Gender-AN's generator and discriminator (Tang et al., IEEE IoT Journal 2022, Tables I and II)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from faceveil.systems.editors.selective_transfer import SelectiveTransferUnit

WIDTHS = (16, 32, 64, 128, 256)
_LEAK = 0.2  # the paper is silent; STGAN's


class Generator(nn.Module):
    """Encoder and decoder with selective transfer units on the skip connections (Table I).

    Five 4x4 stride-2 convolutions (16 to 256 maps, BN, LeakyReLU), five transposed ones (256, 128,
    64, 32, 3; BN, ReLU, at the end tanh); a unit after each of the first four encoder layers.

    Args:
        attributes: length of the difference vector.
        widths: maps of the encoder's layers.
        stu_norm: batch normalisation in the units.
        at_input: the difference is spread over the picture and joins it ("expanded into a matrix of
            the same width and height as the input image", section III-B), in place of the latent,
            where STGAN has it. The units get it in either case.
    """

    def __init__(
        self,
        attributes: int = 4,
        widths: Sequence[int] = WIDTHS,
        *,
        stu_norm: bool = True,
        at_input: bool = False,
    ) -> None:
        super().__init__()
        self.attributes, self.at_input = attributes, at_input
        ins = [3 + attributes * at_input, *widths[:-1]]
        self.encoder = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(i, o, 4, 2, 1, bias=False), nn.BatchNorm2d(o), nn.LeakyReLU(_LEAK)
            )
            for i, o in zip(ins, widths, strict=True)
        )
        deepest = widths[-1]
        outs = [deepest, *(w for w in widths[-2:0:-1]), 3]
        ins = [deepest + attributes * (not at_input)]
        ins += [o + w for o, w in zip(outs[:-1], widths[-2::-1], strict=True)]
        self.decoder = nn.ModuleList()
        for i, o in zip(ins, outs, strict=True):
            up = nn.ConvTranspose2d(i, o, 4, 2, 1, bias=o == 3)
            self.decoder.append(
                nn.Sequential(up, nn.Tanh())
                if o == 3
                else nn.Sequential(up, nn.BatchNorm2d(o), nn.ReLU())
            )
        self.units = nn.ModuleList(
            SelectiveTransferUnit(w, attributes, norm=stu_norm) for w in widths[-2::-1]
        )

    def forward(self, image: Tensor, difference: Tensor) -> Tensor:
        """Change the attributes of faces.

        Args:
            image: (N, 3, S, S) RGB in [0, 1]; S a multiple of 32.
            difference: (N, attributes), target minus source: 0 to keep, from -1 to 1.

        Returns:
            (N, 3, S, S) in [0, 1].
        """
        x = 2 * image - 1
        if self.at_input:
            x = torch.cat([x, _spread(difference, x)], dim=1)
        features = []
        for layer in self.encoder:
            x = layer(x)
            features.append(x)
        state = features[-1]
        if not self.at_input:
            x = torch.cat([x, _spread(difference, x)], dim=1)
        x = self.decoder[0](x)
        for unit, layer, feature in zip(
            self.units, self.decoder[1:], features[-2::-1], strict=True
        ):
            moved, state = unit(feature, state, difference)
            x = layer(torch.cat([x, moved], dim=1))
        return (x + 1) / 2


class Discriminator(nn.Module):
    """Real or made, and which attributes: two heads on one backbone (Table II).

    Five 4x4 stride-2 convolutions with instance normalisation and LeakyReLU; each head is
    FC(1024), LeakyReLU, FC.

    Args:
        frame: side of the faces in pixels, a multiple of 32.
        attributes: outputs of the attribute head.
        widths: maps of the layers.
        hidden: width of the heads.
        conditioned: labels are spread over the picture and join it, as section III-B says. The
            attribute head then finds its answer in its input.
    """

    def __init__(
        self,
        frame: int,
        attributes: int = 4,
        widths: Sequence[int] = WIDTHS,
        hidden: int = 1024,
        *,
        conditioned: bool = False,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for i, o in zip([3 + attributes * conditioned, *widths[:-1]], widths, strict=True):
            # Without a bias: the normalisation would take it out again.
            layers += [nn.Conv2d(i, o, 4, 2, 1, bias=False), nn.InstanceNorm2d(o, affine=True)]
            layers.append(nn.LeakyReLU(_LEAK))
        self.backbone = nn.Sequential(*layers)
        flat = widths[-1] * (frame // 2 ** len(widths)) ** 2

        def head(outputs: int) -> nn.Sequential:
            return nn.Sequential(
                nn.Linear(flat, hidden), nn.LeakyReLU(_LEAK), nn.Linear(hidden, outputs)
            )

        self.realness, self.attributes = head(1), head(attributes)

    def forward(self, image: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """(N, 3, S, S) in [0, 1] -> critic's score (N,), attribute logits (N, attributes).

        ``labels``, (N, attributes), are what a conditioned one gets, and only that.
        """
        x = 2 * image - 1
        if labels is not None:
            x = torch.cat([x, _spread(labels, x)], dim=1)
        x = self.backbone(x).flatten(1)
        return self.realness(x)[:, 0], self.attributes(x)


def _spread(values: Tensor, picture: Tensor) -> Tensor:
    """(N, A) -> (N, A, H, W) of a picture (N, C, H, W)."""
    return values[:, :, None, None].expand(-1, -1, *picture.shape[2:]).to(picture.dtype)
