"""Lines of C libraries do not reach the user; ours do."""

import subprocess
import sys

CODE = """
import os, sys, warnings
from faceveil.cli.stderr import own_lines_only
with own_lines_only({wanted}):
    os.write(2, b"TIFFReadDirectory: Warning\\n")
    print("ours", file=sys.stderr)
    {last}
os.write(2, b"afterwards\\n")
print("the end", file=sys.stderr)
"""


def said(wanted, last="pass"):
    code = CODE.format(wanted=wanted, last=last)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stderr


def test_libraries_are_silent_within_and_heard_again_after():
    assert said(True) == "ours\nafterwards\nthe end\n"


def test_pillows_own_words_are_dropped():
    found = said(
        True,
        "import logging; logging.getLogger('PIL.TiffImagePlugin').error('odd'); "
        "logging.getLogger('ours').error('kept')",
    )
    assert found == "ours\nkept\nafterwards\nthe end\n"


def test_nothing_changes_where_not_wanted():
    assert said(False) == "TIFFReadDirectory: Warning\nours\nafterwards\nthe end\n"


def test_stderr_is_put_back_after_an_error():
    found = said(True, "raise SystemExit('left')")
    assert found == "ours\nleft\n"


def test_no_stderr_at_all():
    code = "import sys; sys.stderr = None\nfrom faceveil.cli.stderr import own_lines_only\n"
    code += "with own_lines_only(): print('still here')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "still here\n"
