"""Work in several processes: everything once, errors come back, nobody is left."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from faceveil.errors import FaceVeilError, OptionError
from faceveil.evaluation.processes import each_in_processes


def note(folder, name):
    (folder / f"{name}-{os.getpid()}").touch()


def sleep(folder, name):
    note(folder, name)
    time.sleep(300)


def at_seven(folder, name):
    if name == 7:
        raise OptionError("seven: too many")
    note(folder, name)
    time.sleep(0.5)


class OddError(Exception):
    """Cannot be pickled back: it needs two arguments."""

    def __init__(self, a, b):
        super().__init__(a + b)


def odd(folder, name):
    raise OddError("very ", "odd")


def wrong(folder, name):
    return 1 / name


def die(folder, name):
    os.kill(os.getpid(), signal.SIGKILL)


def gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def ended(pid):
    """Whether an orphan has ended, even if nobody has asked yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return gone(pid)


def pids(folder):
    return {int(p.name.split("-")[1]) for p in folder.iterdir()}


@pytest.mark.parametrize(("jobs", "calls"), [(1, 3), (3, 7), (4, 2), (2, 0)])
def test_everything_once(tmp_path, jobs, calls):
    said = list(each_in_processes(jobs, note, [(tmp_path, k) for k in range(calls)]))
    assert len(said) == calls
    assert sorted(int(p.name.split("-")[0]) for p in tmp_path.iterdir()) == list(range(calls))
    assert len(pids(tmp_path)) <= min(jobs, calls)
    assert os.getpid() not in pids(tmp_path)
    assert all(gone(pid) for pid in pids(tmp_path))


def test_an_error_comes_back_and_ends_the_rest(tmp_path):
    with pytest.raises(OptionError, match="seven: too many"):
        list(each_in_processes(2, at_seven, [(tmp_path, k) for k in range(5, 30)]))
    done = {int(p.name.split("-")[0]) for p in tmp_path.iterdir()}
    assert 5 in done
    assert len(done) < 24
    assert all(gone(pid) for pid in pids(tmp_path))


def test_a_bug_says_where_it_was(tmp_path):
    with pytest.raises(ZeroDivisionError) as caught:
        list(each_in_processes(1, wrong, [(tmp_path, 0)]))
    assert "return 1 / name" in "".join(caught.value.__notes__)


def test_an_error_that_does_not_travel(tmp_path):
    with pytest.raises(RuntimeError, match="OddError: very odd"):
        list(each_in_processes(1, odd, [(tmp_path, 0)]))


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="SIGKILL")
def test_a_killed_process_is_an_error(tmp_path):
    with pytest.raises(FaceVeilError, match="fewer --jobs"):
        list(each_in_processes(2, die, [(tmp_path, k) for k in range(4)]))


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="signals to threads")
@pytest.mark.parametrize("other", [False, True])
def test_ctrl_c_whichever_thread_gets_it(tmp_path, other):
    """The system may hand a signal to any thread; the main one is then not woken by it."""
    over = threading.Event()
    bystander = threading.Thread(target=over.wait)
    bystander.start()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def interrupt():
        while len(list(tmp_path.iterdir())) < 2:
            time.sleep(0.05)
        to = bystander if other else threading.main_thread()
        signal.pthread_kill(to.ident, signal.SIGINT)

    finger = threading.Thread(target=interrupt)
    finger.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            list(each_in_processes(2, sleep, [(tmp_path, k) for k in range(3)]))
    finally:
        over.set()
        signal.signal(signal.SIGINT, before)
    assert all(gone(pid) for pid in pids(tmp_path))


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="SIGKILL")
def test_they_end_with_a_killed_parent(tmp_path):
    code = "import sys, pathlib; from tests.evaluation.test_processes import *\n"
    code += "list(each_in_processes(2, sleep, [(pathlib.Path(sys.argv[1]), k) for k in range(3)]))"
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, cwd=Path(__file__).parents[2]) as parent:
        deadline = time.monotonic() + 120
        while len(list(tmp_path.iterdir())) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        parent.kill()
    while not all(ended(pid) for pid in pids(tmp_path)):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_whoever_stops_listening_ends_them(tmp_path):
    answers = each_in_processes(2, note, [(tmp_path, k) for k in range(20)])
    next(answers)
    answers.close()
    assert all(gone(pid) for pid in pids(tmp_path))
    assert len(list(tmp_path.iterdir())) < 20
