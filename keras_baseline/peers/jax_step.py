"""JAX: a jitted training step, and ``lax.scan`` over an epoch of them."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from keras_baseline.peers.implementation import Implementation, OnEpochs, Task
from scratchnet.optimizers import SGD, Adam
from scratchnet.types import Array


class JaxStep(Implementation):
    """``jax.jit`` of a whole step, weights and slots donated, called for each batch."""

    def __init__(self, task: Task) -> None:
        self.task = task
        weights = [(jnp.array(kernel), jnp.array(bias)) for kernel, bias, _ in task.layers]
        slots = [jax.tree.map(jnp.zeros_like, weights) for _ in task.optimizer.slots]
        self._state = (weights, slots, jnp.zeros((), jnp.int32))
        self._batches = [
            (jnp.array(task.x[start:stop]), jnp.array(task.y[start:stop]))
            for start, stop in task.bounds
        ]
        self._step = jax.jit(_make_step(task), donate_argnums=0)
        self._loss: Any = jnp.nan

    def train(self, epochs: int, on_epochs: OnEpochs) -> None:
        """Call the step for each batch; each epoch ends by waiting for its loss."""
        for _ in range(epochs):
            for batch in self._batches:
                self._state, self._loss = self._step(self._state, batch)
            jax.block_until_ready(self._state)
            on_epochs(1)

    def loss(self) -> float:
        """Return the last batch's loss."""
        return float(self._loss)

    def weights(self) -> dict[str, Array]:
        """Return the weights as NumPy arrays."""
        return self.task.named([(np.array(k), np.array(b)) for k, b in self._state[0]])


class JaxScan(JaxStep):
    """``lax.scan`` of the step over an epoch's batches, the whole epoch jitted.

    All scanned batches have one size; the last, smaller one follows inside the same function.
    """

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        size, full = task.batch_size, len(task.x) // task.batch_size
        scanned = tuple(
            jnp.array(values[: full * size].reshape(full, size, -1)) for values in (task.x, task.y)
        )
        rest = self._batches[-1] if full < len(self._batches) else None
        self._data = (scanned, rest)
        step = _make_step(task)

        def epoch(state: Any, data: Any) -> Any:
            scanned, rest = data
            state, losses = jax.lax.scan(step, state, scanned)
            return (state, losses[-1]) if rest is None else step(state, rest)

        self._epoch = jax.jit(epoch, donate_argnums=0)

    def train(self, epochs: int, on_epochs: OnEpochs) -> None:
        """Call the compiled epoch."""
        for _ in range(epochs):
            self._state, self._loss = self._epoch(self._state, self._data)
            jax.block_until_ready(self._state)
            on_epochs(1)


def _make_step(task: Task) -> Any:
    """Make ``step(state, batch) -> (state, loss)``; state is weights, slots, number of updates."""
    activations = [activation for _, _, activation in task.layers]
    rule = task.optimizer

    def loss_of(weights: Any, x: Any, y: Any) -> Any:
        for (kernel, bias), activation in zip(weights, activations, strict=True):
            x = x @ kernel + bias
            if activation == "relu":
                x = jax.nn.relu(x)
        if task.binary:
            # Not by |x|, whose derivative at exactly 0 is 1 in JAX; dead ReLUs give such logits.
            log = jax.nn.log_sigmoid
            return -jnp.mean(y * log(x) + (1 - y) * log(-x))
        return -jnp.mean(jnp.sum(y * jax.nn.log_softmax(x), axis=1))

    def step(state: Any, batch: Any) -> Any:
        weights, slots, updates = state
        loss, gradients = jax.value_and_grad(loss_of)(weights, *batch)
        updates += 1
        if isinstance(rule, Adam):
            t = updates.astype(jnp.float32)
            alpha = rule.learning_rate * jnp.sqrt(1 - rule.beta_2**t) / (1 - rule.beta_1**t)
            m, v = slots
            m = jax.tree.map(lambda m, g: m + (g - m) * (1 - rule.beta_1), m, gradients)
            v = jax.tree.map(lambda v, g: v + (g * g - v) * (1 - rule.beta_2), v, gradients)
            weights = jax.tree.map(
                lambda w, m, v: w - alpha * m / (jnp.sqrt(v) + rule.epsilon), weights, m, v
            )
            slots = [m, v]
        elif isinstance(rule, SGD) and rule.momentum:
            (m,) = slots
            m = jax.tree.map(lambda m, g: rule.momentum * m - rule.learning_rate * g, m, gradients)
            weights = jax.tree.map(jnp.add, weights, m)
            slots = [m]
        else:
            rate = vars(rule)["learning_rate"]
            weights = jax.tree.map(lambda w, g: w - rate * g, weights, gradients)
        return (weights, slots, updates), loss

    return step
