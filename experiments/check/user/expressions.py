"""Two expressions of the command line: how the network is made, and how it takes a step."""

from __future__ import annotations

import ast
from types import ModuleType
from typing import Any

import numpy as np

from experiments.check.user.handles import NoStepError, Sizes, StagedHandle, watched
from experiments.check.user.layouts import Layout, Start
from experiments.check.user.objects import places
from experiments.check.user.slots import walk
from experiments.check.user.weights import Chain, find_chains

_RATES = ("lr", "rate", "eta", "alpha", "learning_rate")


class ExpressionsHandle(StagedHandle):
    """``--make`` and ``--step``.

    Parameters
    ----------
    module, files
        The user's.
    make
        An expression, as ``Net([3, 4, 2])``; what it gives is called ``net``.
    step
        Statements in which ``net``, ``x``, ``y`` and ``lr`` are known, as ``net.train(x, y, lr)``.
    """

    kind = "expressions"

    def __init__(self, module: ModuleType, files: set[str], make: str, step: str) -> None:
        self.module = module
        self.files = files
        self.make = make
        self.step = step
        self._make = compile(make, "--make", "eval")
        self._step = compile(step, "--step", "exec")
        names = {n.id for n in ast.walk(ast.parse(step)) if isinstance(n, ast.Name)}
        self.rate_known = bool(names & set(_RATES))
        root = {"net": eval(self._make, dict(vars(module)))}
        chains = find_chains(walk(root))
        if not chains:
            raise NoStepError("it holds no weights of dense layers that follow on one another")
        kernels = [place.read(root).kernel for place in chains[0]]
        self.sizes: Sizes | None = (
            kernels[0].shape[0],
            *(kernel.shape[1] for kernel in kernels),
        )

    def describe(self, chain: Chain) -> str:
        """See `Handle.describe`."""
        return f"{self.make}: weights in {places(chain, 'net')}; {self.step} takes one step"

    def fresh(
        self,
        sizes: Sizes,
        start: Start | None,
        layout: Layout,
    ) -> dict[str, Any]:
        """See `StagedHandle.fresh`."""
        np.random.seed(0)
        return {"net": eval(self._make, dict(vars(self.module)))}

    def act(
        self, root: dict[str, Any], start: Start, layout: Layout, named: dict[str, Any]
    ) -> None:
        """See `StagedHandle.act`."""
        names = dict(vars(self.module)) | {
            "net": root["net"],
            "x": layout.x(start.x),
            "y": layout.y(start.y),
            **dict.fromkeys(_RATES, start.rate),
        }
        watched(self, named, exec, self._step, names)
        if names["net"] is not None:
            root["net"] = names["net"]
