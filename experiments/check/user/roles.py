"""What a parameter stands for, by its name, and what a function does."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import Any

ROLES: tuple[tuple[str, str], ...] = (
    ("pairs", r"training_data|mini_?batch|train_data|batch_data|pairs|examples|dataset"),
    (
        "validation",
        r"(x|y|xs|ys)_?(val|valid|test|dev|cv)\w*|(val|valid|validation|test|dev|evaluation)_?"
        r"(x|y|data|set|labels|targets|images|inputs|outputs)?",
    ),
    (
        "x",
        r"x|xs|x_?(train|batch|data|in|input|inputs|set|i|b|mini|s)|(train|batch|training|mini|"
        r"input|data)_?(x|xs|inputs?|images|features?|data|set_inputs|vector|array|list|matrix)|"
        r"inputs?|inputs?_(list|array|data|vector|vec|values|nodes|layer|row|x)|a0|a_0|a_?prev|"
        r"images?|imgs?|features?|"
        r"feature_vector|samples?|sample_x|data|in_?data|vector|row|points?|observations?|arr|feed|"
        r"training_(set_)?inputs|input_?arr|X_in|xx|inp",
    ),
    (
        "y",
        r"y|ys|t|ts|y_?(train|batch|true|data|set|i|b|mini|onehot|one_hot|hot|enc|encoded|real|"
        r"target|s|orig|label|labels|actual|expected|gt|truth)|(train|batch|training|mini|output|"
        r"target|expected|desired|true|actual|real|correct)_?(y|ys|labels?|targets?|outputs?|"
        r"values?|data|vector|array|list|set_outputs|class|classes|answers?|result|results)|"
        r"targets?|targets?_(list|array|data|vector|vec|values|nodes|y|outputs?)|labels?|truth|"
        r"ground_truth|gt|expected|desired|correct|answers?|one_hot_y|onehot_y|onehot|one_hot|"
        r"classes|training_(set_)?outputs|goal|expectation|actual|output_array|wanted|d_out|yy",
    ),
    (
        "rate",
        r"lr|eta|alpha|rate|learn(ing)?_?rates?|step_?size|learningrate|l_rate|lrate|n|stepsize|"
        r"learn|gamma|step|lr_rate|learning_r|r",
    ),
    (
        "epochs",
        r"(n|num|max|nb|no|number_of|total)?_?(of_)?(epochs?|iters?|iterations?|steps|loops|"
        r"rounds|training_iterations|itr|cycles|generations)(_?(number|num|count))?|n_iter|"
        r"maxiter|max_iter|n_steps|times|iteration_count|it|episodes|passes",
    ),
    ("batch_size", r"(mini_?)?batch_?size|bs|mini_batch_size|batch|minibatch_size|batchsize|m"),
    (
        "zero",
        r"reg|lambd?a?|lambda_?\w*|lmbda|l1|l2|l2_?\w*|weight_decay(_\w+)?|decay|regularization\w*|"
        r"reg_\w+|drop(out)?_?(rate|prob|p|ratio)?|dropout\w*|p_drop|drop_prob|decay_rate|tol|"
        r"tolerance|print_\w+|verbose|plot\w*|show\w*|display\w*|debug|log\w*|shuffle|"
        r"early_stopping\w*|momentum|mu|beta|verbosity|save\w*",
    ),
    ("keep", r"keep_?prob\w*|keep|p_keep|keep_p"),
    ("seed", r"seed|random_seed|random_state|rng_seed|rs"),
    ("training", r"train|training|is_train(ing)?|mode|train_flg|train_flag"),
    (
        "sizes",
        r"sizes|(layer|layers|nn|net|network|unit|units)?_?(sizes?|dims?|dimensions?|structure|"
        r"architecture|topology|shape|arch|layout|nodes|neurons|config|spec|units|list)|layers|"
        r"layers_(dims?|dimensions?|sizes?|nodes|structure|units|config|list|info)|nodes|"
        r"layer_(dims?|sizes?|nodes|units|neurons|list|structure)|topology|dims|neurons|"
        r"neurons_per_layer|units|num_nodes|n_units|num_neurons|sizes_list|net_dims|n_neurons|"
        r"nodes_per_layer|n_nodes|layout|nn_layers|layer_?size_?list|network_structure|hidden_dims_all",
    ),
    (
        "inputs",
        r"(n|num|number_of|no|no_of|nb|size|dim|d)?_?(of_)?(in|inputs?|x|features?|i|inodes|"
        r"input_?(size|dim|dims|dimension|nodes|units|neurons|features|layer|layer_size|"
        r"layer_nodes|count|length|shape|len|width|num|number|channels|n)|in_?(size|dim|features|"
        r"channels|nodes|units|shape|dimension|neurons)|inputnodes|inputsize|n_?inputs?_?\w*|"
        r"ninputs?|nin|fan_in|prev|n_prev|prev_\w+|x_?(size|dim)|feature_?(size|count|num)s?|"
        r"visible|ni|nx|n_in_units|input_n)",
    ),
    (
        "hiddens",
        r"(n|num|number_of|no|no_of|nb|size|dim|d)?_?(of_)?(hid|hidden|h|hidden_?(size|dim|dims|"
        r"dimension|nodes|units|neurons|layer|layers|layer_size|layer_sizes|layer_nodes|sizes|"
        r"layer_units|layer_neurons|count|num|number|n|width|list|1|_1|1_size|_size1)?|hiddennodes|"
        r"hiddensize|hiddens|nh|nhidden|middle|mid|hidden_\w+|h_?(size|dim|units|nodes)|h1|"
        r"neurons_hidden|n_hid\w*)",
    ),
    (
        "outputs",
        r"(n|num|number_of|no|no_of|nb|size|dim|d)?_?(of_)?(out|outputs?|y|classes|labels|k|c|o|"
        r"onodes|output_?(size|dim|dims|dimension|nodes|units|neurons|layer|layer_size|features|"
        r"layer_nodes|count|num|number|shape|len|width|channels|n|classes)|out_?(size|dim|features|"
        r"channels|nodes|units|shape|dimension|neurons)|outputnodes|outputsize|noutputs?|nout|"
        r"fan_out|class(es)?(_num|_count|es)?|num_?class(es)?|y_?(size|dim)|no|ny|num_labels|"
        r"n_units|n_neurons|neurons|units)",
    ),
    (
        "prediction",
        r"a_?l|a_?last|a_?out|a_?final|y_?(hat|pred|predicted|prediction|p|predict|out|output|"
        r"prob|probs|proba|est|cap|h|guess)|yh|pred(ict(ed|ion|ions)?)?s?\w*|o|os|out|outs|"
        r"outputs?|probs?|probabilities|final_outputs?|p|hypothesis|h|guess|a_?out|logits|scores?|"
        r"activation_out|estimate|computed|result|act_out|net_out|network_output|yout|yp|ypred|"
        r"output_layer|out_layer|final|outcome|response",
    ),
    (
        "cache",
        r"caches?|memory|forward_cache|mem|tape|store|stored|forward_?\w*|intermediates?|"
        r"activations?|cached?_?\w*|history|values|saved|fwd|state|tmp|hidden_outputs?|hidden",
    ),
    (
        "params",
        r"param(eter)?s?(_\w+)?|weights?|ws?|theta|thetas|model|network|net|nn|wb|"
        r"weights_(and_)?biases|variables|synapses|syn|p_dict",
    ),
    ("grads", r"grad(ient)?s?(_\w+)?|d_?params?|dparams|dws?|deltas?|derivs?|nablas?|d_weights"),
    (
        "gradient",
        r"d_?(out|outputs?|a|z|y|l|loss|values?|next|prev)|output_(gradient|grad|error|"
        r"delta)|grad(ient)?_?(output|out|y|z|a)?|upstream\w*|dout|delta|error|err|da_?\w*|dz|accum_grad|"
        r"dvalues|loss_grad(ient)?|out_grad|chain|dy|back|delta_next|error_signal|e|dl_\w+|g",
    ),
    (
        "activation",
        r"(act|activations?|activation_?(fn|func|function|type|name|f|method)|"
        r"activation_functions?|nonlinearity|non_linearity|func|act_fn|act_func|transfer|actfn|phi|g|"
        r"hidden_activation\w*|sigma|acts?)",
    ),
)
"""Roles, and the names of parameters that have them, in lower case; the first that fits counts."""

_COMPILED = [(role, re.compile(pattern)) for role, pattern in ROLES]

FUNCTIONS = {
    "initialize": r"init|create|random|make_|build_|generate|setup|get_(param|weight)",
    "backward": r"back|grad(?!ient_?descent)|deriv|bprop|prime",
    "forward": r"forward|feed|predict|propagat|hypothesis|query|think|infer|output|evaluate|"
    r"activate$|fprop|^ff$|^run$|compute_?output|__call__|^call$",
    "loss": r"cost|loss|entropy|mse|rmse|objective|^j$|squared_error|criterion|nll",
    "update": r"update|step|descent|optimi[sz]|apply|adjust|sgd|learn",
    "train": r"train|fit|model|learn|gradient_descent|optimi|main|sgd|run|nn|network|backprop|mlp|"
    r"regression|perceptron|update_mini_batch|epoch|propagat|solve",
}
"""What a function does, by its name, in lower case."""


@cache
def roles_of(name: str) -> tuple[str, ...]:
    """Return the roles that a parameter may have, the likeliest first."""
    plain = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", "_", name).lower().strip("_")
    return tuple(role for role, pattern in _COMPILED if pattern.fullmatch(plain))


def role_among(name: str, known: Collection[str]) -> str:
    """Return the first role of a parameter that is among some, or nothing."""
    return next((role for role in roles_of(name) if role in known), "")


def does(name: str, what: str) -> bool:
    """Whether a function's name says that it does a thing, a key of `FUNCTIONS`."""
    if what != "backward" and re.search(FUNCTIONS["backward"], name.lower()):
        if what in ("forward", "loss", "update", "initialize"):
            return False
        if what == "train" and "descent" not in name.lower() and "prop" not in name.lower():
            return False
    return bool(re.search(FUNCTIONS[what], name.lower()))


def parameters_of(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """Return the parameters of a function, those that collect the rest left out."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    return [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]


_GIVEN = ("x", "y", "pairs", "rate", "epochs", "sizes")
"""Roles that are ours to give, whatever the code has under the same name."""


class UnboundError(TypeError):
    """A parameter that must have a value was not understood."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no value for {name!r}")
        self.name = name


def bind(
    function: Callable[..., Any],
    by_role: Mapping[str, Any],
    by_name: Mapping[str, Any] | None = None,
    order: tuple[str, ...] = (),
) -> tuple[list[Any], dict[str, Any]]:
    """Give values to a function's parameters.

    Parameters
    ----------
    function
        To be called.
    by_role
        Values by role, see `ROLES`.
    by_name
        Values by the parameter's own name, which come first.
    order
        Roles for parameters whose names say nothing, in order.

    Returns
    -------
    tuple
        Positional arguments, and those by name.

    Raises
    ------
    UnboundError
        If a parameter without a default gets nothing.
    """
    own = by_name or {}
    lower = {name.lower(): value for name, value in own.items()}
    left = [role for role in order if role in by_role]
    positional: list[Any] = []
    keywords: dict[str, Any] = {}
    parameters = parameters_of(function)
    roles = [role_among(p.name, by_role) for p in parameters]
    left = [role for role in left if role not in roles]
    for parameter, likely in zip(parameters, roles, strict=True):
        one_number = isinstance(parameter.default, int) and likely == "sizes"
        role = "hiddens" if one_number and "hiddens" in by_role else likely
        required = parameter.default is parameter.empty
        given = role in _GIVEN
        if not given and own.get(parameter.name) is not None:
            value = own[parameter.name]
        elif not given and not role and parameter.name.lower() in lower:
            value = lower[parameter.name.lower()]
        elif role:
            value = by_role[role]
            if role == "zero" and isinstance(parameter.default, bool):
                value = False
        elif required and left:
            value = by_role[left.pop(0)]
        elif required:
            raise UnboundError(parameter.name)
        else:
            continue
        if parameter.kind is parameter.KEYWORD_ONLY or keywords or not required:
            keywords[parameter.name] = value
        else:
            positional.append(value)
    return positional, keywords
