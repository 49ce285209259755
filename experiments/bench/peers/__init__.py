"""Who is timed beside scratchnet: a registry of names, without importing any of them.

To add a peer, write a class that fulfils `Implementation` (in ``keras_baseline/peers/`` where it
needs Keras, TensorFlow, JAX or torch, else here) and give it an entry in `PEERS`.
"""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from experiments.bench.workloads import Workload


@dataclass(frozen=True)
class Peer:
    """An implementation that can be timed.

    Attributes
    ----------
    name
        What the command line calls it.
    what
        One line on what it does.
    implementation
        ``module:Class``, imported only in the process that times it.
    needs
        Modules that must be installed.
    environment
        Variables set in its process.
    checked
        Whether it trains, and must therefore reach scratchnet's weights and loss; a floor does
        not.
    adam
        Whose Adam it has, an entry of `experiments.bench.peers.adam.ADAMS`.
    programs
        Programs one of which must be on the path.
    binary_only, sgd_only
        Whether it has no more than one sigmoid unit, or than plain gradient descent.
    """

    name: str
    what: str
    implementation: str
    needs: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    checked: bool = True
    adam: str = "keras"
    programs: tuple[str, ...] = ()
    binary_only: bool = False
    sgd_only: bool = False

    def missing(self) -> list[str]:
        """Return what it needs and does not find here."""
        missing = [module for module in self.needs if importlib.util.find_spec(module) is None]
        if self.programs and not any(shutil.which(program) for program in self.programs):
            missing.append(" or ".join(self.programs))
        return missing

    def lacks(self, workload: Workload) -> str:
        """Return what it cannot do of a workload, or an empty string."""
        if self.binary_only and workload.architecture.units > 1:
            return "has one sigmoid unit only"
        if self.sgd_only and (workload.optimizer.name != "sgd" or workload.optimizer.slots):
            return "has plain gradient descent only"
        return ""


_KERAS = "keras_baseline.peers.keras_fit"
_TF = {"KERAS_BACKEND": "tensorflow"}
_ENTRIES = (
    Peer(
        "scratchnet",
        "scratchnet.fit, which keeps loss and accuracy of every epoch",
        "experiments.bench.peers.scratchnet_fit:ScratchnetFit",
    ),
    Peer(
        "keras_fit",
        "keras.Model.fit as people write it, with accuracy, on TensorFlow",
        f"{_KERAS}:KerasFit",
        ("keras", "tensorflow"),
        _TF,
    ),
    Peer(
        "keras_fit_tuned",
        "fit with XLA, an epoch per execution, a cached tf.data pipeline, no accuracy",
        f"{_KERAS}:KerasFitTuned",
        ("keras", "tensorflow"),
        _TF,
    ),
    Peer(
        "keras_train_on_batch",
        "train_on_batch with XLA in a plain loop, batches held as tensors, no accuracy",
        f"{_KERAS}:KerasTrainOnBatch",
        ("keras", "tensorflow"),
        _TF,
    ),
    Peer(
        "keras_best",
        "the faster of keras_fit_tuned and keras_train_on_batch, found by trying both",
        f"{_KERAS}:KerasBest",
        ("keras", "tensorflow"),
        _TF,
    ),
    Peer(
        "keras_jax",
        "keras.Model.fit as people write it, with accuracy, on JAX",
        f"{_KERAS}:KerasFit",
        ("keras", "jax"),
        {"KERAS_BACKEND": "jax"},
    ),
    Peer(
        "keras_torch",
        "keras.Model.fit as people write it, with accuracy, on torch",
        f"{_KERAS}:KerasFit",
        ("keras", "torch"),
        {"KERAS_BACKEND": "torch"},
    ),
    Peer(
        "tf_function",
        "TensorFlow without Keras: the step written out in a tf.function with XLA",
        "keras_baseline.peers.tf_function:TfFunctionStep",
        ("tensorflow",),
    ),
    Peer(
        "jax_step",
        "JAX: a jitted step, state donated",
        "keras_baseline.peers.jax_step:JaxStep",
        ("jax",),
    ),
    Peer(
        "jax_scan",
        "JAX: lax.scan over an epoch's steps, jitted",
        "keras_baseline.peers.jax_step:JaxScan",
        ("jax",),
    ),
    Peer(
        "torch_eager",
        "torch: nn.Sequential and a fused torch.optim optimizer in the usual loop",
        "keras_baseline.peers.torch_step:TorchEager",
        ("torch",),
        adam="corrected",
    ),
    Peer(
        "torch_compile",
        "torch_eager with torch.compile",
        "keras_baseline.peers.torch_step:TorchCompiled",
        ("torch",),
        adam="corrected",
        programs=("g++", "c++", "clang++"),
    ),
    Peer(
        "sklearn",
        "sklearn.neural_network.MLPClassifier.fit",
        "experiments.bench.peers.sklearn_mlp:SklearnMLP",
        ("sklearn",),
        adam="exact",
    ),
    Peer(
        "article_numpy",
        "the article's way: samples in columns, dicts, fresh arrays at every step",
        "experiments.bench.peers.article_numpy:ArticleNumPy",
        binary_only=True,
        sgd_only=True,
    ),
    Peer(
        "gemm_floor",
        "the bare matrix products of the step, into arrays made beforehand",
        "experiments.bench.peers.floors:GemmFloor",
        checked=False,
    ),
    Peer(
        "dispatch_floor",
        "as many empty NumPy calls as scratchnet's epoch makes",
        "experiments.bench.peers.floors:DispatchFloor",
        checked=False,
    ),
)

PEERS: dict[str, Peer] = {peer.name: peer for peer in _ENTRIES}

OURS = "scratchnet"
DEFAULT_PEERS = (
    "keras_fit",
    "keras_train_on_batch",
    "article_numpy",
    "gemm_floor",
    "dispatch_floor",
)
