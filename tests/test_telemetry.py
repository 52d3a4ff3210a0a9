"""Nothing about the user is written or sent by what FaceVeil runs on."""

import os
import subprocess
import sys

import pytest

from faceveil.inference.device import openvino_installed

USE = """
import numpy as np
import faceveil
grey = np.full((1, 224, 224, 3), 200, np.uint8)
faceveil.load_protector("san", threads=1).protect_crops(grey, [0])
"""


def files_after(tmp_path, code):
    # ONNX Runtime keeps quiet by itself where it sees CI or its own tests.
    quiet = ("CI", "GITHUB_ACTIONS", "TF_BUILD", "ORT_DISABLE_TELEMETRY")
    environment = {k: v for k, v in os.environ.items() if k not in quiet and "XDG" not in k}
    environment |= {
        "HOME": str(tmp_path),
        "USERPROFILE": str(tmp_path),
        "ORT_DISABLE_TELEMETRY": "0",
    }
    done = subprocess.run([sys.executable, "-c", code], env=environment, check=False, timeout=120)
    assert done.returncode == 0
    return [str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()]


def test_no_identifier_and_no_events_in_the_users_folder(tmp_path):
    assert files_after(tmp_path, USE) == []


@pytest.mark.skipif(not openvino_installed(), reason="needs the extra 'fast'")
def test_openvino_calls_nobody(tmp_path):
    code = (
        USE.replace("threads=1", 'threads=1, device="openvino"')
        + """
import sys
assert "openvino" in sys.modules
assert not [m for m in sys.modules if m.startswith("openvino_telemetry")]
"""
    )
    assert files_after(tmp_path, code) == []


def test_calls_are_refused_where_onnx_runtime_came_first():
    code = """
import onnxruntime as ort
called = []
real, ort.disable_telemetry_events = ort.disable_telemetry_events, lambda: called.append(1)
import faceveil
faceveil.load_protector("san", threads=1)
assert called, "FaceVeil did not switch it off"
"""
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=120).returncode == 0
