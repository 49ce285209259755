import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[4]


def test_what_knows_the_right_answer_is_not_in_the_users_process():
    code = "import sys, experiments.check.user.child\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    loaded = set(done.stdout.split())
    assert "experiments.check.user.child" in loaded, done.stderr
    assert not {name for name in loaded if name.startswith(("scratchnet", "keras"))}
    ours = {name for name in loaded if name.startswith("experiments.")}
    assert {name for name in ours if not name.startswith("experiments.check.user")} == {
        "experiments.check",
        "experiments.check.tensor_names",
    }
