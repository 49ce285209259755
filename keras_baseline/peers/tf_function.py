"""TensorFlow without Keras: one training step in a ``tf.function`` with XLA."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from keras_baseline.peers.implementation import Implementation, OnEpochs, Task
from scratchnet.optimizers import SGD, Adam
from scratchnet.types import Array


class TfFunctionStep(Implementation):
    """Variables, matrix products, a tape and an update written out, compiled by XLA."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self._variables = [
            (tf.Variable(kernel), tf.Variable(bias)) for kernel, bias, _ in task.layers
        ]
        self._batches = [
            (tf.constant(task.x[start:stop]), tf.constant(task.y[start:stop]))
            for start, stop in task.bounds
        ]
        self._step = _compile_step(task, self._variables)
        self._loss = tf.constant(float("nan"))

    @staticmethod
    def set_threads(count: int) -> None:
        """Limit both of TensorFlow's pools."""
        tf.config.threading.set_intra_op_parallelism_threads(count)
        tf.config.threading.set_inter_op_parallelism_threads(count)

    def train(self, epochs: int, on_epochs: OnEpochs) -> None:
        """Call the step for each batch; each epoch ends by reading its loss."""
        for _ in range(epochs):
            for x, y in self._batches:
                self._loss = self._step(x, y)
            self._loss.numpy()
            on_epochs(1)

    def loss(self) -> float:
        """Return the last batch's loss."""
        return float(self._loss)

    def weights(self) -> dict[str, Array]:
        """Return the variables' values."""
        return self.task.named([(k.numpy(), b.numpy()) for k, b in self._variables])


def _compile_step(task: Task, variables: list[Any]) -> Any:
    """Compile ``step(x, y) -> loss``, which updates the variables."""
    flat = [variable for pair in variables for variable in pair]
    slots = [
        [tf.Variable(tf.zeros_like(variable)) for variable in flat] for _ in task.optimizer.slots
    ]
    activations = [activation for _, _, activation in task.layers]
    updates = tf.Variable(0.0)
    rule = task.optimizer

    def loss_of(x: Any, y: Any) -> Any:
        for (kernel, bias), activation in zip(variables, activations, strict=True):
            x = tf.matmul(x, kernel) + bias
            if activation == "relu":
                x = tf.nn.relu(x)
        if task.binary:
            return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=y, logits=x))
        return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(labels=y, logits=x))

    def update(gradients: list[Any]) -> None:
        if isinstance(rule, Adam):
            updates.assign_add(1.0)
            alpha = (
                rule.learning_rate
                * tf.sqrt(1.0 - tf.pow(rule.beta_2, updates))
                / (1.0 - tf.pow(rule.beta_1, updates))
            )
            for variable, gradient, m, v in zip(flat, gradients, *slots, strict=True):
                m.assign_add((gradient - m) * (1 - rule.beta_1))
                v.assign_add((tf.square(gradient) - v) * (1 - rule.beta_2))
                variable.assign_sub(alpha * m / (tf.sqrt(v) + rule.epsilon))
        elif isinstance(rule, SGD) and rule.momentum:
            for variable, gradient, m in zip(flat, gradients, *slots, strict=True):
                m.assign(rule.momentum * m - rule.learning_rate * gradient)
                variable.assign_add(m)
        else:
            for variable, gradient in zip(flat, gradients, strict=True):
                variable.assign_sub(vars(rule)["learning_rate"] * gradient)

    @tf.function(jit_compile=True)  # type: ignore[untyped-decorator]
    def step(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = loss_of(x, y)
        update(tape.gradient(loss, flat))
        return loss

    return step
