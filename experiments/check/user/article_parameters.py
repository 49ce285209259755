"""The article's functions, and what each parameter of somebody's version of them stands for."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any

ARGUMENTS = {
    "init_layers": ("architecture", "seed"),
    "full_forward_propagation": ("X", "params", "architecture"),
    "get_cost_value": ("Y_hat", "Y"),
    "get_accuracy_value": ("Y_hat", "Y"),
    "full_backward_propagation": ("Y_hat", "Y", "memory", "params", "architecture"),
    "update": ("params", "grads", "architecture", "learning_rate"),
    "train": ("X", "Y", "architecture", "epochs", "learning_rate"),
}
"""What each of the article's functions is given: roles, in the article's order."""

# A parameter's role by its name, in lower case; a name that is not here is taken by its place.
_ROLES = {
    "X": {"x", "x_train", "inputs", "input", "data"},
    "Y_hat": {"y_hat", "yhat", "y_pred", "al", "probs", "predictions", "output"},
    "Y": {"y", "y_true", "y_train", "labels", "targets"},
    "memory": {"memory", "mem", "cache", "cashe", "caches"},
    "params": {"params_values", "params", "param_values", "parameters", "weights"},
    "grads": {"grads_values", "grads", "grad_values", "gradients"},
    "architecture": {"nn_architecture", "architecture", "nn_arch", "arch", "layers", "nn_layers"},
    "learning_rate": {"learning_rate", "lr", "alpha", "eta", "rate", "step_size"},
    "seed": {"seed", "random_seed", "random_state"},
    "epochs": {"epochs", "n_epochs", "iterations", "num_epochs"},
}


@cache
def fit_parameters(
    function: Callable[..., Any], roles: tuple[str, ...]
) -> tuple[list[str], dict[str, str]] | str:
    """Give roles to a function's parameters, by name where the name is known, else by place.

    Returns
    -------
    tuple or str
        Roles of positional parameters, and of named ones by name; or what does not fit.
    """
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return list(roles), {}
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return list(roles), {}
    parameters = [p for p in parameters if p.kind is not p.VAR_KEYWORD]
    chosen: dict[str, str] = {}
    for role in roles:
        for parameter in parameters:
            if parameter.name.lower() in _ROLES[role] and parameter.name not in chosen:
                chosen[parameter.name] = role
                break
    left = [role for role in roles if role not in chosen.values()]
    for parameter in parameters:
        if parameter.default is parameter.empty and parameter.name not in chosen:
            if not left:
                return f"needs {parameter.name!r} too"
            chosen[parameter.name] = left.pop(0)
    fitted = [p for p in parameters if p.name in chosen]
    positional = [chosen[p.name] for p in fitted if p.kind is p.POSITIONAL_ONLY]
    named = {p.name: chosen[p.name] for p in fitted if p.kind is not p.POSITIONAL_ONLY}
    return positional, named
