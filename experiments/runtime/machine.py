"""Where a run took place: all that a reader of its numbers may ask about."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = (
    "numpy",
    "scipy",
    "scikit-learn",
    "pandas",
    "matplotlib",
    "tensorflow",
    "keras",
    "jax",
    "torch",
)
# By the beginnings of their names.
VARIABLES = (
    "OMP_",
    "OPENBLAS_",
    "MKL_",
    "BLIS_",
    "TF_",
    "XLA_",
    "JAX_",
    "KERAS_",
    "CUDA_VISIBLE_DEVICES",
)


def describe_environment() -> dict[str, Any]:
    """Return versions, BLAS, processor, commit and variables, as plain data."""
    import threadpoolctl

    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "cores_allowed": _cores_allowed(),
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
        "blas": [
            {key: pool.get(key) for key in ("internal_api", "version", "num_threads", "filepath")}
            | {"filepath": Path(pool["filepath"]).name}
            for pool in threadpoolctl.threadpool_info()
        ],
        "git_commit": _git("rev-parse", "HEAD"),
        "git_changes": bool(_git("status", "--porcelain")),
        "blas_threads_of_a_trial": "one where its matrix products are small, otherwise all",
        "dtype_policy": "each trial's dtype on every layer, loss and metric; Keras's floatx unused",
        "variables": {
            name: value
            for name, value in sorted(os.environ.items())
            # Terraform's variables begin like TensorFlow's.
            if name.startswith(VARIABLES) and not name.startswith("TF_CLI_")
        },
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _cores_allowed() -> int | None:
    # Not on every system.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def _git(*arguments: str) -> str | None:
    """Ask git about the project; None where there is no git or no repository."""
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
