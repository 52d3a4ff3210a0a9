"""The contact sheet: rows are the face and its three outputs."""

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from faceveil.systems.san.contact_sheet import contact_sheet, write_png  # noqa: E402
from faceveil.systems.san.network import SAN  # noqa: E402
from faceveil.systems.san.prototypes import PrototypeSAN  # noqa: E402


def test_rows_and_columns(tmp_path):
    model = PrototypeSAN(SAN(), torch.rand(2, 3, 16, 16))
    image = torch.rand(3, 1, 16, 16)
    male = np.array([0, 1, 0], np.float32)
    sheet = contact_sheet(model, image, male, male_share=0.4)
    assert sheet.shape == (64, 48)
    np.testing.assert_allclose(sheet[:16, 16:32] / 255, image[1, 0], atol=0.5 / 255 + 1e-6)
    y, eye = torch.from_numpy(male), torch.eye(2, 3).repeat(3, 1, 1)
    for row, target in enumerate((y, torch.full((3,), 0.4), 1 - y), 1):
        with torch.no_grad():
            out = model(image, y, target, eye)[2, 0]
        part = sheet[16 * row : 16 * row + 16, 32:]
        np.testing.assert_allclose(part / 255, out, atol=0.5 / 255 + 1e-6)
    write_png(sheet, tmp_path / "sheets" / "a.png")
    assert np.array_equal(cv2.imread(str(tmp_path / "sheets/a.png"), 0), sheet)
