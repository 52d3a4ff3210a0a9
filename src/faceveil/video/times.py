"""When the frames of a clip are shown, and which of them are read."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from faceveil.errors import OptionError
from faceveil.video.picture import pyav


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a clip that is read.

    Attributes:
        start: seconds of its beginning as the file counts them; 0 where all is read.
        end: of its end.
    """

    start: float = 0.0
    end: float = math.inf

    @classmethod
    def of(cls, container: Any, part: tuple[float, float] | None) -> Window:
        """The part of a clip whose first time need not be 0."""
        if part is None:
            return cls(-math.inf)
        zero = (container.start_time or 0) / pyav().time_base
        return cls(part[0] + zero, part[1] + zero)

    def holds(self, seconds: float) -> bool:
        """Whether a time is in it, to half a millisecond."""
        return self.start - 5e-4 <= seconds < self.end - 5e-4

    def shift(self, base: Fraction) -> int:
        """Units of a stream by which its times move."""
        return round(Fraction(self.start) / base) if self.start > -math.inf else 0

    def takes(self, packet: Any) -> bool:
        """Whether a packet that is copied is in it; then its times are moved."""
        if packet.pts is None or not self.holds(float(packet.pts * packet.time_base)):
            return self.start == -math.inf
        shift = self.shift(packet.time_base)
        packet.pts -= shift
        if packet.dts is not None:
            packet.dts -= shift
        return True

    def is_over(self, packet: Any) -> bool:
        """Whether nothing of it comes after a packet: sound may lie a second behind its picture."""
        return packet.dts is not None and float(packet.dts * packet.time_base) > self.end + 1


_TIME = r"(?:(?:(\d+):)?(\d{1,2}):)?(\d+(?:\.\d+)?)"


def parse_part(text: str) -> tuple[float, float]:
    """Seconds of a part such as ``00:10-00:25``, ``1:02:03.5-``, ``-90`` or ``10-25``.

    Raises:
        OptionError: if it is no part: of another form, or its end is not after its beginning.
    """
    found = re.fullmatch(f"(?:{_TIME})?-(?:{_TIME})?", text.strip())
    values = found.groups() if found else ()
    if found and any(values):
        start, end = (
            sum(float(v or 0) * unit for v, unit in zip(v3, (3600, 60, 1), strict=True))
            for v3 in (values[:3], values[3:])
        )
        end = end if any(values[3:]) else math.inf
        fits = all(float(v or 0) < 60 for v3 in (values[:3], values[3:]) if v3[1] for v in v3[1:])
        if fits and start < end:
            return start, end
    raise OptionError(f"--time: got {text!r}; expected from and to, such as 00:10-00:25")


class Clock:
    """When each frame of a stream is shown: never twice the same, since encoders refuse that.

    Args:
        stream: PyAV's.
        by_place: the container stores an order of frames and no times, as AVI does. FFmpeg's guess
            depends on the codec, and is out of order where frames look ahead; a packet's place
            counts instead, less the decoder's delay.
    """

    def __init__(self, stream: Any, *, by_place: bool) -> None:
        rate = float(stream.average_rate or 25)
        self._step = max(1, round(1 / (rate * float(stream.time_base))))
        self._by_place = by_place
        self._first: int | None = None
        self._delay: int | None = None
        self._last: int | None = None

    def begin(self, packet: Any) -> None:
        """Take the stream's next packet, before its frames."""
        if self._first is None:
            self._first = packet.dts

    def time_of(self, frame: Any) -> int:
        """The next frame's time in units of the stream."""
        pts = frame.dts if self._by_place else frame.pts
        if pts is None:
            pts = 0 if self._last is None else self._last + self._step
        elif self._by_place:
            if self._delay is None:
                self._delay = pts - (self._first or 0)
            pts -= self._delay
        if self._last is not None and pts <= self._last:
            pts = self._last + 1
        self._last = int(pts)
        return self._last
