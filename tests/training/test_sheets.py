"""Sheets: rows of faces as one picture."""

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from faceveil.training.sheets import contact_sheet, write_rows  # noqa: E402


@pytest.mark.parametrize("channels", [1, 3])
def test_rows_and_columns(tmp_path, channels):
    rows = [torch.rand(3, channels, 8, 8), 3 * torch.rand(3, channels, 8, 8) - 1]
    sheet = contact_sheet(rows)
    assert sheet.shape == (16, 24, channels)
    for k, row in enumerate(rows):
        for n in range(3):
            part = sheet[8 * k : 8 * k + 8, 8 * n : 8 * n + 8] / 255
            wanted = row[n].permute(1, 2, 0).clamp(0, 1)
            np.testing.assert_allclose(part, wanted, atol=0.5 / 255 + 1e-6)
    write_rows(rows, tmp_path, 12)
    flag = cv2.IMREAD_GRAYSCALE if channels == 1 else cv2.IMREAD_COLOR_RGB
    read = cv2.imread(str(tmp_path / "sheets" / "step-0000012.png"), flag)
    assert np.array_equal(read.reshape(sheet.shape), sheet)
