"""From the network's maps to faces."""

import numpy as np
import pytest

from faceveil.imaging.detect import CenterFace
from faceveil.inference.device import Choice


class OneFace:
    """A network that sees one face, at a cell of its maps, whatever the picture."""

    def __init__(self, row, column, height=80.0, width=60.0):
        self.row, self.column, self.size = row, column, (height, width)

    def run(self, _, feed):
        (picture,) = feed.values()
        self.shape = picture.shape
        h, w = picture.shape[2] // 4, picture.shape[3] // 4
        maps = [np.zeros((1, n, h, w), np.float32) for n in (1, 2, 2, 10)]
        at = (0, slice(None), self.row, self.column)
        maps[0][at] = 0.9
        maps[1][at] = np.log(np.array(self.size) / 4)
        maps[2][at] = (0.25, -0.25)
        # (y, x) of each point as shares of the box.
        maps[3][at] = np.array(
            [(0.4, 0.3), (0.4, 0.7), (0.6, 0.5), (0.8, 0.35), (0.8, 0.65)]
        ).ravel()
        return maps


@pytest.mark.parametrize(
    ("shape", "scale"), [((480, 640), 1.0), ((960, 1280), 0.75), ((120, 160), 2.0)]
)
def test_boxes_and_points_are_in_pixels_of_the_photo(shape, scale):
    detector = CenterFace(choice=Choice(threads=1))
    detector._session = OneFace(20, 30)
    (face,) = detector.detect(np.zeros((*shape, 3), np.uint8))
    # The cell's centre, in pixels of what the network saw: 4 (index + 0.5 + offset).
    y, x = 4 * (20 + 0.5 + 0.25), 4 * (30 + 0.5 - 0.25)
    box = np.array([x - 30, y - 40, x + 30, y + 40])
    np.testing.assert_allclose(face.box, box / scale, atol=1e-3)
    shares = np.array([(0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8)])
    points = shares * (60, 80) + (x - 30, y - 40)
    # Of points, pixel centres keep their place: half a pixel is added before and taken after.
    np.testing.assert_allclose(face.landmarks, (points + 0.5) / scale - 0.5, atol=1e-3)
    assert face.score == pytest.approx(0.9)


def test_network_sees_whole_multiples_of_32():
    detector = CenterFace(choice=Choice(threads=1))
    detector._session = network = OneFace(2, 3)
    detector.detect(np.zeros((333, 400, 3), np.uint8))
    assert network.shape == (1, 3, 352, 416)
