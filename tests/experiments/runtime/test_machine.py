import json
import platform

import keras
import numpy as np

from experiments.runtime.machine import describe_environment


def test_the_environment_names_what_computes(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setenv("SECRET", "x")
    found = describe_environment()
    assert found["packages"]["numpy"] == np.__version__
    assert found["packages"]["keras"] == keras.__version__
    assert found["python"] == platform.python_version()
    assert any(pool["internal_api"] == "openblas" for pool in found["blas"])
    assert found["variables"]["OMP_NUM_THREADS"] == "3"
    assert "SECRET" not in json.dumps(found)
    assert found["cores"] >= found["cores_allowed"] >= 1
