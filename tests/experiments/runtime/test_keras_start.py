import os
import subprocess
import sys

import pytest

from experiments.runtime.keras_start import start_keras, swallowed_stderr


def test_what_goes_to_the_file_descriptor_is_swallowed(capfd):
    with swallowed_stderr():
        os.write(2, b"chatter from C++")
    os.write(2, b"kept")
    assert capfd.readouterr().err == "kept"


def test_what_was_swallowed_is_shown_if_the_block_fails(capfd):
    with pytest.raises(ImportError), swallowed_stderr():  # noqa: PT012
        os.write(2, b"the reason")
        raise ImportError
    assert capfd.readouterr().err == "the reason"


def test_keras_starts_without_a_word():
    script = "from experiments.runtime.keras_start import start_keras; start_keras()"
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == done.stderr == ""


def test_a_process_has_one_backend(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    start_keras()
    with pytest.raises(RuntimeError, match="'jax' needs its own"):
        start_keras("jax")


def test_an_interrupt_is_no_failure_to_explain(capfd):
    with pytest.raises(KeyboardInterrupt), swallowed_stderr():  # noqa: PT012
        os.write(2, b"chatter from C++")
        raise KeyboardInterrupt
    assert capfd.readouterr().err == ""
