"""Networks that are wrong, and do something to be called right, or to stay."""

import platform
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]

GRADIENTS = '        """Return the loss of a batch, and its gradient for every weight by name."""\n'

FRAMES = """
import sys
def of_the_check(name):
    frame = sys._getframe()
    while frame is not None:
        if name in frame.f_globals:
            return frame.f_globals[name]
        frame = frame.f_back
"""

WRITE_EVERYWHERE = """
import json, os, struct
def forge(text):
    for number in range(3, 32):
        try:
            os.write(number, text)
        except OSError:
            pass
def message(**table):
    text = json.dumps(table).encode()
    return struct.pack(">QI", len(text) + 4, len(text)) + text
"""

LEAVE = """
import os, time
reading, writing = os.pipe()
for own_session in (False, True):
    if not os.fork():
        if own_session:
            os.setsid()
        if os.fork():
            os._exit(0)
        os.write(1, b"left %d\\n" % os.getpid())
        os.write(writing, b"x")
        time.sleep(1000)
for _ in range(2):
    os.read(reading, 1)
"""

ON_LINUX = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in ("x86_64", "aarch64"),
    reason="elsewhere only the session is ended, and signals are not refused",
)


@pytest.fixture
def attack(run_alone, network_source):
    """Run a wrong network with lines before it, in `gradients`, and after it."""

    def ran(before="", *lines, after="", right=False, seconds=8.0):
        wrong = () if right else (("y / p) / p.size", "y / p) / p.size * 2"),)
        inside = "".join(f"        {line}\n" for line in lines)
        text = network_source("my_network", *wrong, (GRADIENTS, GRADIENTS + inside))
        return run_alone(f"{before}\n{text}\n{after}\n", seconds)

    return ran


def is_running(number):
    """Whether a process lives; the dead may wait for a parent that will never ask."""
    try:
        stat = Path(f"/proc/{number}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def test_without_an_attack_it_is_found_out(attack):
    assert attack()[1].verdict == "divergent"
    assert attack(right=True)[1].verdict == "rounding"


def test_the_judges_own_network_is_not_to_be_had(attack):
    _, report = attack("from experiments.check.reference import step_tensors")
    assert report.verdict == "not judged"
    _, report = attack("", "import scratchnet")
    assert report.verdict == "divergent"
    # The words differ with the way in which the project is installed.
    assert "ModuleNotFoundError" in report.diagnosis.sentence
    assert "scratchnet" in report.diagnosis.sentence


@pytest.mark.parametrize(
    "replacing",
    [
        "of_the_check('Recorder').put = lambda *_, **__: None",
        "of_the_check('ClassForm').take_step = lambda *_, **__: None",
        "of_the_check('_loss_and_gradients').__code__ = (lambda answer: (0, {})).__code__",
        "np.asarray = lambda value: value",
    ],
)
def test_what_writes_down_the_answers_cannot_be_replaced_unnoticed(attack, replacing):
    _, report = attack(FRAMES, replacing)
    assert report.verdict == "not judged"
    assert report.not_judged.code == "tampered"


@pytest.mark.parametrize(
    "text",
    [
        "b'hello'",
        "bytes(1000)",
        "struct.pack('>Q', 2**60)",
        "message(header={'answer': {}, 'number': 'one'}, arrays=[])",
        "message(header={'answer': {}, 'number': None}, arrays=[])",
        "message(header={}, arrays=[['x', 'float64', [2**40, 2**40]]])",
        "message(header={}, arrays=[['x', 'object', [1]]])",
    ],
)
def test_a_forged_message_is_found(attack, text):
    _, report = attack(WRITE_EVERYWHERE, f"forge({text})")
    assert report.verdict == "not judged"
    assert report.not_judged.code == "tampered"


def left_behind(text):
    """Numbers of the processes that `LEAVE` started."""
    return re.findall(r"left (\d+)", text)


@ON_LINUX
def test_processes_in_sessions_of_their_own_are_ended(attack):
    findings, report = attack(after=LEAVE)
    assert report.verdict == "divergent"
    left = left_behind(findings.printed[1])
    assert len(left) == 2
    assert not any(is_running(number) for number in left)


@ON_LINUX
def test_all_is_ended_if_the_check_itself_is_killed(tmp_path):
    (tmp_path / "mine.py").write_text(LEAVE + "time.sleep(1000)\n")
    script = f"""
import os, signal, time
from pathlib import Path
from experiments.check.user.process import UserProcess
process = UserProcess(Path({str(tmp_path / "mine.py")!r}), None)
process._line.setblocking(True)
from experiments.check.user import messages
packed = messages.pack({{"ask": "load", "seconds": 100, "number": ""}}, {{}})
process._line.sendall(messages.LENGTH.pack(len(packed)) + packed)
while process.printed[1].count("left") < 2 or process.user is None:
    time.sleep(0.01)
print(process.printed[1], "left", process.user, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    left = left_behind(done.stdout)
    assert len(left) >= 3, done.stderr
    # Nothing waits for it but us; it is a matter of moments.
    until = time.monotonic() + 30
    while any(is_running(number) for number in left) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(is_running(number) for number in left)


def test_a_module_that_raises_when_it_is_looked_at_is_not_recognised(attack):
    odd = (
        "import sys\nclass Odd(type(sys)):\n    def __getattribute__(self, name):\n"
        "        raise ValueError(name)\nsys.modules[__name__].__class__ = Odd"
    )
    _, report = attack(after=odd)
    assert report.verdict == "not judged"
    assert "ValueError in line" in report.not_judged.reason


def test_a_network_may_delete_its_file(attack):
    _, report = attack(after="import os\nos.remove(__file__)")
    assert report.verdict == "divergent"
    assert report.diagnosis is not None


def test_an_exception_that_cannot_be_read_is_told(attack):
    error = "class Mute(Exception):\n    def __str__(self):\n        raise SystemExit(0)\n"
    _, report = attack(error, "raise Mute")
    assert report.verdict == "divergent"
    assert "gradients raises Mute in line" in report.diagnosis.sentence


def test_a_replaced_product_has_no_say_in_what_is_right(attack):
    spoilt = "np.dot = np.matmul = lambda *_, **__: 0"
    assert attack(after=spoilt, right=True)[1].verdict == "rounding"


def test_whoever_does_not_hear_the_alarm_is_ended(attack):
    deaf = "signal.signal(signal.SIGALRM, signal.SIG_IGN)"
    _, report = attack("import signal", deaf, "while True: pass", seconds=1.0)
    assert report.verdict == "not judged"
    assert report.not_judged.code == "timed_out"


def test_a_process_that_stops_itself_is_ended(attack):
    _, report = attack("import os", "os.kill(os.getpid(), 19)", seconds=1.0)
    assert report.verdict == "not judged"


def test_the_text_of_an_exception_cannot_move_the_cursor(attack):
    _, report = attack("", "raise ValueError('\\x1b[2JVerdict: rounding')")
    assert "Verdict: rounding" in report.diagnosis.sentence
    assert report.diagnosis.sentence.isprintable()


@ON_LINUX
@pytest.mark.parametrize("target", ["os.getppid()", "-os.getpgid(os.getppid())", "-1"])
def test_a_network_cannot_send_signals_to_the_check(attack, target):
    # Signal 0 asks only whether one may.
    _, report = attack("import os", f"os.kill({target}, 0)")
    assert report.verdict == "divergent"
    assert "PermissionError" in report.diagnosis.sentence
