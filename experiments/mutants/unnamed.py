"""Mistakes that the catalogue of known ones has no name for: found and pinned all the same."""

import numpy as np

from experiments.mutants.forward import softmax
from experiments.mutants.mutant import Mutant, Mutation
from experiments.mutants.mutation import Here, Replaced, Update
from experiments.mutants.update import adam, rmsprop
from scratchnet.types import Array


def _unnamed(name: str, mutation: Mutation, scene: str, tensor: str) -> Mutant:
    return Mutant(name, mutation, scene, tensor)


def _half_dropped(t: Here) -> Array:
    a = t.a.copy()
    a[:, ::2] = 0
    return a


def _last_unit_forgotten(t: Here) -> Array:
    gradient = t.dkernel.copy()
    gradient[:, -1] = 0
    return gradient


def _one_element_off(t: Here) -> Array:
    gradient = t.dkernel.copy()
    gradient[0, 0] *= 1 + 1e-6
    return gradient


def _focal(t: Here) -> Array:
    z, y = t.output, t.y
    losses = np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z)))
    return np.asarray(np.mean(losses**2))


def _added_terms(t: Here) -> Array:
    z, y = t.output, t.y
    return np.asarray(np.mean(np.maximum(z, 0) + z * y + np.log1p(np.exp(-np.abs(z)))))


UNNAMED = (
    _unnamed(
        "inputs centred in the layer",
        Replaced("pre_activation", lambda t: t.z - t.z.mean(axis=0)),
        "article",
        "dense_1/pre_activation",
    ),
    _unnamed(
        "half of the units dropped",
        Replaced("activation", _half_dropped, activation="relu"),
        "sparse",
        "dense_1/activation",
    ),
    _unnamed(
        "softmax of squares",
        Replaced("activation", lambda t: softmax(t.z * np.abs(t.z)), activation="softmax"),
        "no bias",
        "dense_2/activation",
    ),
    _unnamed(
        "binary loss: a sign between the terms", Replaced("loss", _added_terms), "article", "loss"
    ),
    _unnamed("binary loss: focal", Replaced("loss", _focal), "outputs", "loss"),
    _unnamed(
        "tanh' with a cube",
        Replaced("pre_activation_gradient", lambda t: t.da * (1 - t.a**3), activation="tanh"),
        "regression",
        "dense_1/pre_activation_gradient",
    ),
    _unnamed(
        "relu' of another sample",
        Replaced("pre_activation_gradient", lambda t: t.da * (t.a[::-1] > 0), activation="relu"),
        "square",
        "dense_1/pre_activation_gradient",
    ),
    _unnamed(
        "gradients turned into their cubes",
        Replaced("kernel_gradient", lambda t: t.dkernel**3),
        "article",
        "dense_3/kernel_gradient",
    ),
    _unnamed(
        "the last unit's gradient forgotten",
        Replaced("kernel_gradient", _last_unit_forgotten),
        "regression",
        "dense_3/kernel_gradient",
    ),
    _unnamed(
        "one element of the gradient a millionth off",
        Replaced("kernel_gradient", _one_element_off),
        "outputs",
        "dense_2/kernel_gradient",
    ),
    _unnamed(
        "rmsprop: the mean of the batch's norm",
        Update(lambda p: rmsprop(p, v=p.rho * p.v + p.one_minus_rho * np.mean(p.g**2))),
        "regression",
        "dense_1/kernel_velocity",
    ),
    _unnamed(
        "adam: the square of the mean",
        Update(lambda p: adam(p, v=p.v + (p.m**2 - p.v) * p.one_minus_beta_2)),
        "sparse",
        "dense_1/kernel_velocity",
    ),
)
