"""Which faces of its packs a recipe takes: the ``[data]`` section's order, start and stop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from faceveil.errors import OptionError

if TYPE_CHECKING:
    from faceveil.data.packs import Pack


@dataclass(frozen=True, slots=True, kw_only=True)
class Selected:
    """A part of the packs' faces, which are put in order first and then cut as a Python slice is.

    So a limit is ``stop = 10000``, the last 1,800 are ``start = -1800``, and a random split of
    162,079 and 40,520 faces is ``order = "random"`` with ``stop = 162079`` in one recipe and
    ``start = 162079`` in the other.
    """

    data_order: Literal["stored", "source", "random"] = "stored"  # "source": by file name
    data_start: int = 0  # negative: counted from the end
    data_stop: int = 0  # 0: to the end
    data_seed: int = 0  # of the random order

    def rows(self, pack: Pack) -> NDArray[np.int64]:
        """Rows of the pack, (K,).

        Raises:
            OptionError: if a place lies beyond the faces, none is left, or names are not known.
        """
        count = len(pack)
        for name, place in (("start", self.data_start), ("stop", self.data_stop)):
            if abs(place) > count:
                raise OptionError(
                    f"data.{name}: got {place}; the packs hold {count} faces; expected a place "
                    "among them; name more packs, or set it to 0"
                )
        if self.data_order == "source":
            if "source" not in pack.columns:
                raise OptionError("data.order: 'source' needs packs with a column 'source'")
            order = np.argsort(pack.columns["source"], kind="stable")
        elif self.data_order == "random":
            order = np.random.default_rng(self.data_seed).permutation(count)
        else:
            order = np.arange(count)
        chosen = order[self.data_start : self.data_stop or None]
        if not len(chosen):
            raise OptionError(
                f"data: start = {self.data_start}, stop = {self.data_stop} leave none of {count} "
                "faces; expected some"
            )
        return np.asarray(chosen, np.int64)

    @property
    def takes_all(self) -> bool:
        """Whether it is all faces, as they are stored."""
        return (self.data_order, self.data_start, self.data_stop) == ("stored", 0, 0)
