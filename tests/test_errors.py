"""What is said where an import fails."""

import pytest

from faceveil.errors import missing_extra


def failure(code):
    with pytest.raises(ImportError) as caught:
        exec(code)
    return caught.value


def test_absent_and_broken_are_told_apart(tmp_path, monkeypatch):
    """numpy 1.26 with the newest pyarrow: pyarrow is there, and does not load."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "fv_broken.py").write_text("raise ImportError('numpy.core.multiarray failed')")
    (tmp_path / "fv_needs.py").write_text("import fv_not_there")
    absent = str(missing_extra("clips", failure("import fv_absent"), "video"))
    assert absent == (
        'clips: fv_absent is not installed; expected the extra: pip install "faceveil[video]"'
    )
    deeper = str(missing_extra("clips", failure("import fv_needs"), "video"))
    assert "fv_not_there is not installed" in deeper
    broken = str(missing_extra("clips", failure("import fv_broken"), "video"))
    assert "cannot be loaded (numpy.core.multiarray failed)" in broken
    assert "is not installed" not in broken
    assert "\n" not in broken
