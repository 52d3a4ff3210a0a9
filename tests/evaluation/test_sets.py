"""The faces of an evaluation: which are chosen, and how photos are cut out."""

import cv2
import numpy as np

from faceveil.evaluation.protecting import protected_photos
from faceveil.evaluation.sets import SetSpec, choose, decades, load_photos
from faceveil.imaging.detect import CenterFace
from faceveil.judges.boxed import square_crop


def test_choice_of_rows():
    identity = np.repeat(np.arange(50), 4)
    male = (identity % 2).astype(np.uint8)
    rows = choose(male, identity, 40, seed=0)
    assert len(rows) == 40
    assert male[rows].mean() == 0.5
    assert all((identity[rows] == p).sum() in (0, 4) for p in range(50))
    assert np.array_equal(rows, choose(male, identity, 40, seed=0))
    assert len(choose(male, identity, None, seed=0)) == 200


def test_age_groups():
    assert decades(np.array([18, 29, 30, 44, 59, 60, 99])).tolist() == [
        "18-29", "18-29", "30-44", "30-44", "45-59", "60+", "60+",
    ]  # fmt: skip


def test_photos_are_cut_out_as_judges_want_them(portrait, tmp_path):

    (tmp_path / "photos").mkdir()
    for i in range(2):
        cv2.imwrite(str(tmp_path / f"photos/{i}.png"), portrait[..., ::-1])
    (tmp_path / "photos.csv").write_text("file,gender,identity\n0.png,m,a\n1.png,f,b\n")
    detector = CenterFace()
    spec = SetSpec("photos", mode="photo")
    photos = load_photos(tmp_path, spec, detector, 0, (0.2,))
    face = detector.detect(portrait)[0]
    np.testing.assert_array_equal(photos.views[0.2][0], square_crop(portrait, face, 0.2))
    assert photos.take(np.array([1])).views[0.2].shape == (1, 224, 224, 3)

    class Black:
        def protect_photo(self, path, **_):
            return type("Done", (), {"image": np.zeros_like(portrait)})

    crops, views, lost = protected_photos(photos, Black(), detector, "opposite", 1.0)
    assert lost == 2
    assert set(views) == {0.2}
    assert crops.max() == views[0.2].max() == 0
