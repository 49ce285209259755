"""The known mistakes in words, by code.

``{it}`` is the tensor where the mistake is made, as in `spoken`; ``{m}`` the batch size,
``{units}`` the number of outputs of the network, ``{inputs}`` and ``{outputs}`` what a sample has
of numbers before and after the layer; other ``{placeholders}`` are values of the mistake.
"""

from __future__ import annotations

SENTENCES: dict[str, str] = {
    # Any tensor
    "zero": "{it} is all zero: never computed, or never stored",
    "sign": "{it} has the wrong sign",
    "absolute": "the sign of {it} is lost",
    "batch_size_missing": "{it} is not divided by the batch size {m}: a sum for a mean",
    "batch_size_twice": "{it} is divided by the batch size {m} once too often",
    "batch_size_minus_one": "{it} is divided by m - 1 instead of the batch size m = {m}",
    "batch_size_plus_one": "{it} is divided by m + 1 instead of the batch size m = {m}",
    "batch_size_and_half": "{it} is divided by twice the batch size {m} once too often",
    "sign_batch_size": "{it} has the wrong sign, and is not divided by the batch size {m}",
    "factor_2": "{it} is twice what it should be",
    "factor_half": "{it} is half of what it should be",
    "units_missing": "{it} is not divided by the number of outputs {units}",
    "units_twice": "{it} is divided by the number of outputs {units} once too often",
    "size_missing": "{it} is a sum over batch and outputs, not a mean",
    "inputs_for_batch_size": "{it} is divided by the layer's {inputs} inputs, not by the batch "
    "size {m}: the other entry of a shape",
    "units_for_batch_size": "{it} is divided by the layer's {outputs} units, not by the batch "
    "size {m}: the other entry of a shape",
    "divided_by_units": "{it} is divided by the layer's number of units {outputs}",
    "divided_by_inputs": "{it} is divided by the layer's number of inputs {inputs}",
    "transposed": "{it} is transposed",
    "reshaped": "{it} is reshaped where it must be transposed: its numbers are in wrong places",
    "reversed": "{it} is in reverse order along axis {axis}",
    "shifted": "{it} is shifted by {shift:+d} along axis {axis}",
    "squared": "{it} is squared",
    "through_float32": "{it} went through float32",
    "through_float16": "{it} went through float16",
    "wrong_layer": "{it} is that of the layer {which}",
    "not_summed": "{it} has one entry for each of the {m} samples: they are not summed",
    "batch_mean_missing": "{it} has one entry for each of the {m} samples: they are not averaged",
    "wrong_shape": "{it} has shape {was}; expected {expected}",
    # Any tensor, by a number that is not known beforehand
    "factor": "{it} is {number:.6g} times what it should be",
    "offset": "{it} is off by {number:.6g} everywhere",
    "clipped": "{it} is clipped to {number:.6g}",
    "rounded": "{it} is rounded to {number} decimals",
    "weight_decay": "{number:.6g} times the weight itself is added to {it}: a decay, or a penalty, "
    "that was not asked for",
    "penalty": "{number:.6g} times the sum of the squares of the {which} is added to the loss: a "
    "penalty that was not asked for",
    "wrong_rate": "the step of {it} is {number:.6g} times what it should be{rate}",
    "step_scaled": "the step of {it} is {number:.6g} times what it should be, elsewhere another "
    "number of times: is the gradient divided by its size, or clipped?",
    # Pre-activations
    "bias_missing": "the bias is not added",
    "bias_subtracted": "the bias is subtracted, not added",
    "bias_after_activation": "the bias is added after the activation, not before it",
    "bias_twice": "the bias is added twice",
    "bias_first_only": "the first unit's bias is added to every unit",
    "bias_reversed": "the bias belongs to the units in reverse order",
    "wrong_bias": "the bias of the layer {which} is added",
    "kernel_transposed": "the kernel is transposed",
    "input_through_float32": "the layer's input went through float32",
    "kernel_through_float32": "the kernel went through float32",
    "kernel_absolute": "the signs of the kernel are lost",
    "wrong_kernel": "the kernel of the layer {which} is used",
    "input_missing": "one of the layer's inputs is left out",
    "activation_for_pre_activation": "the activation is kept in the pre-activation's place",
    "activation_skipped": "the layer's input is the pre-activation before it, not the activation",
    "activation_twice": "the layer's input was activated twice",
    "network_input": "the network's input is taken for the layer's",
    # Activations
    "activation_missing": "the pre-activation is not activated; expected {activation}",
    "wrong_activation": "the activation is {found}; expected {activation}",
    "leaky": "the relu is leaky, of slope {slope}",
    "capped": "the relu is capped at {cap}",
    "absolute_value": "the activation is |z|",
    "minimum_for_maximum": "the activation is min(z, 0), not max(z, 0)",
    "step_function": "the activation is 1 where z is positive, not z",
    "floor_1": "the activation is max(z, 1), not max(z, 0)",
    "applied_twice": "the activation is applied twice",
    "relu_first": "relu is applied first: the pre-activation goes through two activations",
    "euler_number": "the number e is taken as {e}",
    "wrong_axis": "the softmax runs over the samples, not over the classes",
    "argument_sign": "the sign of the activation's argument is wrong",
    "argument_factor": "the activation's argument is multiplied by {factor}",
    "denominator": "the sigmoid is 1 / (1 - exp(-z)), not 1 / (1 + exp(-z))",
    "complement": "{it} is 1 minus the right value",
    "normalisation_missing": "the softmax is not divided by its sum",
    "shift_missing": "the softmax is not shifted by its maximum, and overflows",
    "epsilon_in_softmax": "{epsilon} is added to the softmax's sum",
    "clipped_argument": "the argument of sigmoid is clipped to [-{number:.4g}, {number:.4g}], or "
    "its result; Keras clips neither",
    # Losses and their gradients
    "epsilon_in_log": "{epsilon:.2g} is added inside the logarithm; Keras adds none",
    "epsilon_in_gradient": "{epsilon:.2g} is added to what y and 1 - y are divided by; Keras adds "
    "none",
    "clip_bound": "probabilities are clipped at {epsilon}, in Keras at 1e-07",
    "negative_term_missing": "the term of 1 - y is missing in {it}",
    "positive_term_missing": "the term of y is missing in {it}",
    "sign_of_term": "one of the two terms, of y and of 1 - y, has the wrong sign in {it}",
    "targets_inverted": "the classes are swapped in {it}: 1 - y in place of y",
    "targets_shifted": "the classes are counted from {first} in {it}",
    "label_smoothing": "the labels are smoothed by {share} in {it}",
    "row_sum_missing": "the probabilities are not divided by their sum in {it}, in Keras they are",
    "classes_mean": "the loss is a mean over the classes, not a sum",
    "absolute_error": "{it} is that of the absolute error, not of its square",
    "error_unsquared": "the error is not squared",
    "root": "the loss is the root of the mean square",
    "squared_error": "{it} is that of the mean squared error",
    "wrong_loss": "{it} is that of the binary cross-entropy of every class",
    "log_base": "the logarithm has base {base}; expected the natural one",
    "broadcast": "y has shape (n,) and the prediction (n, 1) in the loss: every target meets every "
    "prediction, n x n pairs; give both one shape",
    "clipped_or_fused": "{it} is clipped where Keras fuses loss and activation, or the reverse",
    "difference_only": "the gradient of the loss is p - y, which is that of the logits",
    "row_sum_constant": "the sum of the probabilities is taken for a constant",
    "log_derivative_missing": "the derivative 1 / p of the logarithm is missing",
    "sigmoid_for_softmax": "the probabilities are sigmoids, not a softmax",
    "derivative_twice": "the activation's derivative is applied once too often: p - y, for one, is "
    "the gradient of the logits already",
    "logits_for_probability": "the gradient is z - y: the logits in place of the probabilities",
    "targets_missing": "the targets are not subtracted",
    "squared_difference": "p - y is squared",
    "probability_missing": "the probabilities are missing in p - y",
    "clip_ignored": "the gradient passes where the prediction was clipped",
    "predicted_classes": "the gradient is that of the predicted classes, 0 or 1, not of the "
    "probabilities",
    "digits_lost": "p - y is computed from a rounded p, so digits cancel",
    # Backward
    "stale_weights": "kernels are updated on the way back, before the gradient passes through "
    "them; take all gradients first, and then update",
    "kernel_missing": "the gradient is passed back without the kernel",
    "derivative_missing": "the derivative of the activation ({activation}) is missing in {it}",
    "derivative_missing_after": "the derivative of the activation after it is missing in {it}",
    "derivative_of_activation": "the derivative of {activation} is taken at a instead of z",
    "derivative_at_z": "the derivative of {activation} is taken of z as if it were a",
    "mask_at_zero": "the relu passes its gradient at exactly 0, in Keras it does not",
    "half_at_zero": "the relu passes half of its gradient at exactly 0, in Keras nothing",
    "mask_inverted": "the relu's mask is inverted",
    "mask_of_gradient": "the relu's mask is that of the gradient, not of z",
    "mask_without_gradient": "the derivative of {activation} stands alone: it is not multiplied by "
    "the gradient from above",
    "mask_at_one": "the relu's mask begins at z > 1, not at z > 0",
    "wrong_mask": "the relu's mask is that of the layer {which}",
    "derivative_is_activation": "the derivative of {activation} is taken as a or z, not as 1 or 0",
    "factor_a_missing": "the derivative of {activation} is 1 - a, not a (1 - a)",
    "factor_1_a_missing": "the derivative of {activation} is a, not a (1 - a)",
    "sign_in_derivative": "a sign inside the derivative of {activation} is wrong",
    "square_missing": "the derivative of {activation} is 1 - a, not 1 - a^2",
    "wrong_derivative": "the derivative is that of {found} ({formula}), not of {activation}",
    "softmax_diagonal": "only the diagonal of the softmax's derivative is used, a (1 - a)",
    "softmax_sum_missing": "the sum over the classes is missing in the softmax's derivative",
    "softmax_sum_mean": "the softmax's derivative has the mean over the classes, not the sum",
    "softmax_factor_missing": "the factor a is missing in the softmax's derivative",
    "sum_without_a": "the sum in the softmax's derivative is of da, not of a da",
    "extra_factor": "the gradient is multiplied by a though the activation is linear",
    "input_not_activated": "the pre-activation before the layer is taken for its input",
    "own_activation": "the layer's own activation is taken for its input",
    "input_sign": "only the signs of the layer's input are used",
    "last_sample_missing": "the last sample of the batch is left out in {it}",
    "first_sample_missing": "the first sample of the batch is left out in {it}",
    "last_sample_only": "only the last sample of the batch counts in {it}",
    "first_sample_only": "only the first sample of the batch counts in {it}",
    "units_summed": "{it} is summed over the units too",
    "units_averaged": "{it} is averaged over the units too",
    "maximum_for_sum": "{it} is the maximum over the batch, not the sum",
    "absolute_terms": "{it} is a sum of absolute values",
    # Updates
    "not_updated": "{it} did not change in the update",
    "ascent": "the update of {it} is an ascent: the gradient is added, not subtracted",
    "rate_missing": "the learning rate is missing in the update of {it}",
    "rate_squared": "the learning rate is squared in the update of {it}",
    "rate_through_float32": "the learning rate went through float32",
    "overwritten": "the update puts the step, or the gradient, in the place of {it}",
    "multiplied": "the update of {it} multiplies by the step",
    "weights_for_gradient": "the update subtracts {it} in place of the gradient",
    "wrong_gradient": "the update of {it} uses the gradient of the layer {which}",
    "plain_descent": "the step of {it} is plain gradient descent",
    "sign_descent": "only the sign of the gradient is used in the update of {it}",
    "twice": "the update of {it} is made twice, or by twice the step",
    "step_halved": "the update of {it} is made by half of the step",
    "nesterov_form": "Nesterov's step and the plain one are mistaken for each other",
    "rate_outside": "the learning rate is not inside the velocity, in Keras it is",
    "dampened": "the gradient is dampened by 1 - momentum",
    "momentum_missing": "the old velocity is kept undamped",
    "momentum_value": "the momentum did not go through float32, in Keras it does",
    "old_velocity": "the velocity before the update is used",
    "old_momentum": "the first moment before the update is used",
    "epsilon_outside_root": "epsilon is outside the root, in Keras inside",
    "epsilon_inside_root": "epsilon is inside the root, in Keras outside",
    "epsilon_missing": "epsilon is missing",
    "epsilon_value": "epsilon is {other}, in Keras {epsilon}",
    "epsilon_form": "epsilon is added to the corrected root, as torch does",
    "root_missing": "the root is missing",
    "bias_correction_missing": "the bias correction is missing",
    "bias_correction_step": "the bias correction is off by {off:+d} step",
    "first_step_correction": "the bias correction stays at the first step's",
    "momentum_correction_missing": "only the second moment is corrected",
    "velocity_correction_missing": "only the first moment is corrected",
    "correction_root_missing": "the second moment's correction lacks its root",
    "corrections_swapped": "beta_1 and beta_2 are mistaken for each other in the correction",
    "betas_unrounded": "the betas did not go through float32, in Keras they do",
    "first_moment_only": "the gradient takes the place of its mean",
    "decay_missing": "the weight decay is missing",
    "decay_without_rate": "the decay is not multiplied by the learning rate",
    "decay_sign": "the decay's sign is wrong",
    "decay_coupled": "the decay is added to the gradient, in Keras it is decoupled",
    "decay_after": "the decay is taken of the updated weights, in Keras before",
    "decay_unrounded": "the decay did not go through float32, in Keras it does",
    # Slots
    "betas_swapped": "beta_1 and beta_2 are mistaken for each other",
    "beta_inverted": "beta and 1 - beta are mistaken for each other",
    "beta_value": "beta is {other}, in Keras {beta}",
    "share_missing": "1 - beta is missing",
    "share_through_float32": "1 - beta went through float32, in Keras only beta does",
    "forgetting_missing": "{it} accumulates without forgetting",
    "gradient_squared": "the gradient is squared",
    "gradient_unsquared": "the gradient is not squared",
    "mean_of_size": "{it} is the mean of |g|, not of g^2",
    "maximum": "{it} keeps the maximum, as amsgrad does",
    "gradient_missing": "the gradient is not added",
    "old_lost": "the old value is lost",
    "gradient_sign": "the sign of the gradient is wrong",
    # Initial state
    "initial_slot": "it starts at {found:.6g}, in Keras at {expected:.6g}",
    "initial_iterations": "updates are counted from {found}, in Keras from 0",
    "initial_constant": "all weights start at {found:.6g}: units stay alike",
    "initial_distribution": "it is drawn from {found}, not from {expected}",
    "initial_scale": "it is {factor:.3g} times as wide as it should be",
    "initial_order": "the numbers are drawn in another order",
    "initial_repeated": "every layer, or every seed, starts with the same numbers",
    "initial_not_orthogonal": "its columns are not orthonormal",
    "initial_shifted": "its mean is {found:.3g}, not 0",
}
"""One for each code."""


def spoken(tensor: str, *, of_loss: bool = False) -> str:
    """Return what a tensor is called in a sentence.

    Parameters
    ----------
    tensor
        Short name, as ``kernel_gradient``.
    of_loss
        Whether it is the gradient of the loss: that of the last activation.
    """
    if of_loss:
        return "the gradient of the loss"
    head, _, tail = tensor.rpartition("_")
    known = {"pre_activation": "the pre-activation", "activation": "the activation"}
    if tensor in known or not head:
        return known.get(tensor, f"the {tensor}")
    owner = head.replace("pre_activation", "pre-activation").replace("_", " ")
    if tail == "updated":
        return f"the {owner}"
    return f"the {tail} of the {owner}"
