"""A fitted estimator -> a plain network on the numbers of X, as emlearn reads it."""

from dataclasses import dataclass
from typing import Any

import numpy as np

#: Activations of hidden layers, and of the output, that emlearn knows and that mean the same there.
HIDDEN = ("identity", "relu", "logistic", "tanh")
OUTPUT = ("identity", "logistic", "softmax", "tanh")
#: Encodings of X that the first layer can do, if no mean is further than so many deviations
#: from 0: float32 would lose digits.
SCALINGS, MOST_SHIFT = ("standard", "linear"), 1e3
#: emlearn writes six decimals: for larger scales of X, or smaller scales of y, the weights that
#: take or give these units would lose digits.
MOST_SCALE_OF_X, LEAST_SCALE_OF_Y = 1e3, 1e-3


@dataclass
class Network:
    """What emlearn reads of scikit-learn's classes. It looks at the name of the class.

    Attributes
    ----------
    coefs_, intercepts_ : list of ndarray
        The weights (n_in, n_out) and biases (n_out,) of each layer; the first one takes X as it is.
    activation, out_activation_ : str
        Of the hidden layers, and of the output.
    """

    coefs_: list[np.ndarray]
    intercepts_: list[np.ndarray]
    activation: str
    out_activation_: str

    @property
    def n_layers_(self) -> int:
        return len(self.coefs_) + 1


class MLPClassifier(Network):
    """A classifier for emlearn."""


class MLPRegressor(Network):
    """A regressor for emlearn."""


def emlearn_network(model: Any) -> Network:
    """Return the network: see ``sknet.export.to_emlearn``."""
    fault = _fault(model)
    if fault:
        raise ValueError(f"emlearn cannot run this {type(model).__name__}: {fault}")
    W, b = ([a.astype(np.float64) for a in own] for own in (model.coefs_, model.intercepts_))
    if not model._encoder.changes_nothing:
        first = model._encoder.fold(W[0][None], b[0][None, None])  # with an axis for the member
        W[0], b[0] = first["W"][0], first["b"][0, 0]
    scaling = getattr(model._fitted_target(), "scaling", None)
    if scaling is not None:
        W[-1], b[-1] = W[-1] * scaling.scale, b[-1] * scaling.scale + scaling.centre
    kind = MLPClassifier if hasattr(model, "classes_") else MLPRegressor
    layers = ([a.astype(np.float32) for a in own] for own in (W, b))
    return kind(*layers, model._activations[0], model.out_activation_)


def _fault(model: Any) -> str | None:
    """Return why there is no such network, and what to do; None if there is."""
    encoder, activations = model._encoder, set(model._activations)
    if model.coefs_[0].ndim == 3:
        return f"it has {len(model.coefs_[0])} networks. Fit one: n_members=1 and cv=None."
    if encoder.categorical.any():
        return "X has categories. Encode them as numbers before, and keep that step in C."
    if encoder.knots or encoder.periodic[0]:
        return "it embeds numbers. Fit it with numeric_embedding=None."
    if encoder.state["codes"]:
        return "some numbers are read as missing: input_encoding_['missing_codes'] lists them."
    if not encoder.changes_nothing:
        fault = _fault_of_scaling(encoder)
        if fault:
            return fault
    if len(activations) != 1 or not activations <= {*HIDDEN}:
        return (
            f"its hidden layers have the activations {tuple(model._activations)}. Fit it with a"
            f" hidden layer, and with one activation of {HIDDEN}."
        )
    several = model._indicator if hasattr(model, "classes_") else model.n_outputs_ > 1
    if several:
        return f"it has {model.n_outputs_} outputs. Fit an estimator for each."
    if model.out_activation_ not in OUTPUT:
        return f"its output has the link {model.out_activation_!r}; allowed are {OUTPUT}."
    scaling = getattr(model._fitted_target(), "scaling", None)
    if scaling is not None and 0.0 < scaling.scale[0] < LEAST_SCALE_OF_Y:
        return (
            f"the standard deviation of y is {scaling.scale[0]:.1g}, and emlearn writes weights"
            " with six decimals. Fit y in a smaller unit, so that its numbers are larger."
        )
    return None


def _fault_of_scaling(encoder: Any) -> str | None:
    """Return why the first layer cannot scale X; None if it can."""
    found = {block.state["encoding"] for block in encoder.blocks}
    if not found <= {*SCALINGS}:
        return (
            f"its first layer cannot do what is done to X ({', '.join(sorted(found))}). Fit it"
            " without missing numbers, with feature_scaling='standard'."
        )
    shift = max(np.abs(own.state["centre"] * own.state["factor"]).max() for own in encoder.blocks)
    if shift > MOST_SHIFT:
        return (
            f"a column of X has a mean that is {shift:.1g} standard deviations from 0, and float32"
            " would lose digits. Subtract it before, and in C."
        )
    factors = np.concatenate([own.state["factor"] for own in encoder.blocks])
    scale = 1.0 / factors[factors > 0.0].min(initial=1.0)
    if scale > MOST_SCALE_OF_X:
        return (
            f"a column of X has a standard deviation of {scale:.1g}, and emlearn writes weights"
            " with six decimals. Fit X in a larger unit, so that its numbers are smaller."
        )
    return None
