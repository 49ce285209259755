import os
import subprocess
import sys

SCRIPT = """
import sys, time
from experiments.runtime.alone import Machine


def log(word):
    with open(sys.argv[1], "a") as file:
        file.write(f"{word}\\n")


for _ in range(3):
    machine = Machine()
    with machine.shared():
        for _ in range(5):
            log(f"works {sys.argv[2]}")
            time.sleep(0.01)
        with machine.alone():
            log(f"begins {sys.argv[2]}")
            time.sleep(0.05)
            log(f"ends {sys.argv[2]}")
"""


def test_whoever_is_alone_is_alone_and_everybody_gets_a_turn(tmp_path):
    log = tmp_path / "log"
    # A lock of this test's own.
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    processes = [
        subprocess.Popen([sys.executable, "-c", SCRIPT, str(log), str(i)], env=environment)
        for i in range(3)
    ]
    assert [process.wait(timeout=120) for process in processes] == [0, 0, 0]
    lines = log.read_text().splitlines()
    begins = [i for i, line in enumerate(lines) if line.startswith("begins")]
    assert len(begins) == 9
    for i in begins:
        assert lines[i + 1] == lines[i].replace("begins", "ends")
