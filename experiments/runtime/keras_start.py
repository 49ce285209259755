"""Silence for TensorFlow's start-up chatter, in commands only.

TensorFlow writes to file descriptor 2 from C++ while it is imported and when it first looks for
devices: neither Python's logging nor `contextlib.redirect_stderr` reaches that.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from experiments.runtime.extensions import register_twins


@contextmanager
def swallowed_stderr() -> Iterator[None]:
    """Keep what is written to file descriptor 2; show it if the block fails."""
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as swallowed:
        os.dup2(swallowed.fileno(), 2)
        try:
            yield
        except Exception:
            sys.stderr.flush()
            swallowed.seek(0)
            os.write(terminal, swallowed.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)


def start_keras(backend: str = "tensorflow") -> None:
    """Import Keras on a backend and let it find its devices, without chatter.

    A process has one backend: the first call decides.

    Parameters
    ----------
    backend
        ``"tensorflow"``, ``"jax"`` or ``"torch"``.

    Raises
    ------
    RuntimeError
        If the process has already started Keras on another backend.
    """
    os.environ["KERAS_BACKEND"] = backend
    # Warnings are held back; a value that the user chose stays.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # Without it JAX computes in float32 whatever it is given.
    os.environ.setdefault("JAX_ENABLE_X64", "1")
    # As of functions that are traced again: a plan has many networks.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    with swallowed_stderr():
        import keras

        keras.ops.zeros(1)
    if keras.config.backend() != backend:
        raise RuntimeError(
            f"this process runs Keras on {keras.config.backend()!r}; {backend!r} needs its own"
        )
    register_twins()
