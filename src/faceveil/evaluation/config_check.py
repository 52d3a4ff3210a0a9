"""Whether the values of an evaluation fit each other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from faceveil.errors import OptionError
from faceveil.evaluation.adversaries.registry import ADVERSARIES

if TYPE_CHECKING:
    from faceveil.evaluation.config import EvaluationConfig

MODES = ("crop", "photo")
QUALITY = ("psnr", "ssim", "ms_ssim", "niqe")
PAPERS = ("keras-pairs", "gender-an")
NEED_OWN_FACES = {
    "similarity",
    "retrained-embeddings",
    "retrained-cnn",
    "retrained-cnns",
    "reversal",
    "gender-an",
}


def check(config: EvaluationConfig, path: Path) -> None:
    """See that values fit each other.

    Args:
        config: as read.
        path: its file, for the message.

    Raises:
        OptionError: if they do not.
    """
    if not config.protectors or not config.sets:
        raise OptionError(f"{path}: expected at least one [[protector]] and one [[set]]")
    mode = next((s.mode for s in config.sets if s.mode not in MODES), None)
    if mode is not None:
        raise OptionError(f"{path}: mode {mode!r}; expected one of {', '.join(MODES)}")
    labels = [p.label for p in config.protectors]
    if len(set(labels)) < len(labels):
        raise OptionError(f"{path}: two protectors are called alike; give each a name of its own")
    for what, names, known in (
        ("adversary", config.adversaries, tuple(ADVERSARIES)),
        ("quality", config.quality, QUALITY),
        ("paper", config.papers, PAPERS),
    ):
        unknown = next((name for name in names if name not in known), None)
        if unknown is not None:
            raise OptionError(f"{path}: {what} {unknown!r}; expected one of {', '.join(known)}")
    needy = sorted(NEED_OWN_FACES & {*config.adversaries, *config.papers})
    if needy and not config.attacker:
        raise OptionError(f"{path}: {needy[0]} needs faces of its own; name a pack as 'attacker'")
    if not 16 <= config.niqe_block <= 112 or config.niqe_block % 2:
        raise OptionError(f"{path}: niqe_block {config.niqe_block}; expected an even 16 to 112")
    if not 2 <= config.versions <= 257:
        raise OptionError(f"{path}: versions {config.versions}; expected 2 to 257")
    bad = next((s for p in config.protectors for s in p.strengths if not 0 <= s <= 1), None)
    if bad is not None:
        raise OptionError(f"{path}: strength {bad}; expected 0 to 1")
