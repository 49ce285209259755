import importlib
import os

import pytest

from experiments.bench import protocol as timing
from experiments.bench import same_training as equality
from experiments.bench.peers import DEFAULT_PEERS, OURS, PEERS
from experiments.bench.workloads import OPTIMIZERS, Workload, network

# 70 samples leave a last batch of 6.
BINARY = Workload("binary", network(2, 6, 5, 1), OPTIMIZERS["adam"], samples=70, batch_size=32)
CLASSES = Workload("classes", network(3, 8, 4), OPTIMIZERS["momentum"], samples=70, batch_size=32)
FULL = Workload("full", network(2, 4, 3, 1), OPTIMIZERS["sgd"], samples=70, batch_size=70)

# A process has one of TensorFlow, JAX and torch: that of the tests has TensorFlow.
OTHER_LIBRARY = {
    name: library
    for name, peer in PEERS.items()
    for library in ("jax", "torch")
    if library in peer.needs
}
IN_THIS_PROCESS = [
    name
    for name, peer in PEERS.items()
    if peer.checked and name not in OTHER_LIBRARY and name != "keras_best"
]
CHECKS = [
    pytest.param(name, workload, id=f"{name}-{workload.name}")
    for name in IN_THIS_PROCESS
    for workload in (BINARY, CLASSES, FULL)
    if not PEERS[name].lacks(workload)
]
CHECKS_APART = [
    pytest.param("keras_best", BINARY, id="keras_best"),
    *(
        pytest.param(
            name,
            workload,
            id=f"{name}-{workload.name}",
            marks=[
                getattr(pytest.mark, library),
                *([pytest.mark.slow] if name == "torch_compile" else []),
            ],
        )
        for name, library in OTHER_LIBRARY.items()
        for workload in (
            [BINARY] if "keras" in name or "compile" in name else [BINARY, CLASSES, FULL]
        )
    ),
]


@pytest.mark.parametrize(("name", "workload"), CHECKS)
def test_every_peer_reaches_scratchnets_weights_and_loss(name, workload):
    peer = PEERS[name]
    module, class_name = peer.implementation.split(":")
    task = workload.task()
    implementation = getattr(importlib.import_module(module), class_name)(task)
    implementation.train(workload.checked_epochs, lambda _: None)
    expected = equality.reference(task, workload.checked_epochs, peer.adam)
    weights, loss = implementation.weights(), implementation.loss()
    assert equality.difference(expected, weights, loss, implementation.loss_is) == ""


@pytest.mark.parametrize(("name", "workload"), CHECKS_APART)
def test_peers_that_need_a_process_of_their_own_are_checked_there(name, workload, tmp_path):
    assert not PEERS[name].missing()
    path = str(tmp_path / "reference.npz")
    expected = equality.reference(workload.task(), workload.checked_epochs, PEERS[name].adam)
    equality.save(expected, path)
    job = timing.timing_job(workload, 1, PEERS[name], path)
    job |= {"segments": 1, "segment_seconds": 0.001}
    assert timing.run_process(job, timing.environment(PEERS[name], 1))["difference"] == ""


@pytest.mark.parametrize("name", ["scratchnet", "article_numpy", "gemm_floor", "dispatch_floor"])
def test_epochs_are_reported_as_they_end(name):
    module, class_name = PEERS[name].implementation.split(":")
    implementation = getattr(importlib.import_module(module), class_name)(FULL.task())
    reported = []
    implementation.train(3, reported.append)
    assert reported == ([1, 1, 1] if implementation.reports_each_epoch else [3])


def test_names_are_the_registrys():
    assert all(name == peer.name for name, peer in PEERS.items())
    assert OURS in PEERS
    assert set(DEFAULT_PEERS) < set(PEERS)


def test_what_is_not_installed_is_named():
    import dataclasses

    peer = dataclasses.replace(PEERS["sklearn"], needs=("no_such_library", "numpy"))
    assert peer.missing() == ["no_such_library"]
    peer = dataclasses.replace(PEERS["sklearn"], programs=("no-such-program",))
    assert peer.missing() == ["no-such-program"]


def test_the_article_has_neither_softmax_nor_momentum():
    assert PEERS["article_numpy"].lacks(FULL) == ""
    assert "sigmoid" in PEERS["article_numpy"].lacks(CLASSES)
    assert "gradient descent" in PEERS["article_numpy"].lacks(BINARY)
    assert PEERS["keras_fit"].lacks(CLASSES) == ""


def test_the_registry_imports_no_library():
    import subprocess
    import sys

    code = (
        "import sys, experiments.bench.peers\n"
        "print({'numpy', 'keras', 'tensorflow', 'torch', 'jax', 'sklearn'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    assert done.stdout.strip() == "set()"
