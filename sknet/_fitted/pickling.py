"""Pickles of estimators: the version that wrote them, and checks of a loaded state."""

import warnings
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from sknet._engine.activations import ACTIVATIONS
from sknet._engine.links import LINKS
from sknet._fitted.conformal import HeldOut
from sknet._table.encoder import Encoder

VERSION = "_sknet_version"


class Pickled:
    """An estimator whose pickles hold the version, and whose loaded state is checked.

    Fitted state is builtins and arrays, so that skops has to trust the estimator's class alone.
    """

    def __getstate__(self) -> dict[str, Any]:
        state = {**super().__getstate__(), VERSION: current_version()}
        state.pop("_fit_seconds", None)  # equal fits have equal pickles
        held = state.get("_held_out")
        return state if held is None else {**state, "_held_out": tuple(held)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        state, name = dict(state), type(self).__name__
        check_version(name, state.pop(VERSION, "of an unknown version"))
        held = state.get("_held_out")
        if type(held) is tuple and len(held) == len(HeldOut._fields):
            state["_held_out"] = HeldOut(*held)
        check_fitted(name, state)
        super().__setstate__(state)


def current_version() -> str:
    """Return the version of this package."""
    from sknet import __version__  # the package imports this module

    return __version__


def check_version(name: str, version: str) -> None:
    """Warn if another version of this package wrote the pickle."""
    if version != current_version():
        warnings.warn(
            f"This {name} was pickled by sknet {version} and is loaded by sknet"
            f" {current_version()}. What it predicts may differ: fit it again, or load it with the"
            " version that wrote it.",
            UserWarning,
            stacklevel=3,
        )


def check_fitted(name: str, state: Mapping[str, Any]) -> None:
    """Raise if a loaded state cannot be the result of `fit`.

    Raises
    ------
    ValueError
        If a length, a shape or a dtype is wrong, a number is not finite, a name is unknown, or an
        attribute is missing. The message names the fault.
    """
    if "coefs_" not in state:
        return
    try:
        fault = _fault(state)
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        fault = f"{type(error).__name__}: {error}"
    if fault:
        raise ValueError(f"The state of this {name} is corrupt: {fault}.")


def _fault(state: Mapping[str, Any]) -> str | None:
    """Return the fault of a fitted state, or None."""
    W, b = state["coefs_"], state["intercepts_"]
    if not W or not len(W) == len(b) == state["n_layers_"] - 1:
        return f"{len(W)} coefs_, {len(b)} intercepts_ and n_layers_={state['n_layers_']}"
    dtypes = {str(a.dtype) for a in (*W, *b)}
    if len(dtypes) > 1 or not dtypes <= {"float32", "float64"}:
        return f"coefs_ and intercepts_ have dtypes {sorted(dtypes)}"
    members = W[0].shape[:-2]
    encoder = Encoder(state["_encoding"])
    units = [encoder.n_units, *(a.shape[-1] for a in b)]
    if units[-1] != state["n_outputs_"] or len(members) > 1:
        return f"the last of coefs_ has {units[-1]} outputs, n_outputs_={state['n_outputs_']}"
    if len(encoder.categorical) != state["n_features_in_"] or not encoder.is_consistent():
        return "what was learned of the columns of X does not fit together"
    E = state["embeddings_"]
    shapes = [(*members, n_levels + 1, encoder.dim) for n_levels in encoder.embedded_levels]
    if [a.shape for a in E] != shapes or {str(a.dtype) for a in E} - dtypes:
        return f"embeddings_ have shapes {[a.shape for a in E]}"
    columns, n_frequencies = encoder.periodic
    waves = [state["frequencies_"], state["phases_"]] if columns else []
    if any(a.shape != (*members, len(columns), n_frequencies) for a in waves):
        return f"frequencies_ and phases_ have shapes {[a.shape for a in waves]}"
    for k, (n_in, n_out) in enumerate(pairwise(units)):
        if W[k].shape != (*members, n_in, n_out) or b[k].shape != (*members, n_out):
            return f"coefs_[{k}] and intercepts_[{k}] have shapes {W[k].shape} and {b[k].shape}"
    if not all(np.isfinite(a).all() for a in (*W, *b, *E, *waves)):
        return "coefs_, intercepts_, embeddings_, frequencies_ or phases_ are not finite"
    activations = state["_activations"]
    if len(activations) != len(W) - 1 or not ACTIVATIONS.keys() >= set(activations):
        return f"activations are {activations!r}"
    if state["out_activation_"] not in LINKS:
        return f"out_activation_={state['out_activation_']!r}"
    n_classes = len(state.get("classes_", range(units[-1])))
    if units[-1] != (1 if n_classes == 2 and units[-1] == 1 else n_classes):
        return f"{n_classes} classes_ and {units[-1]} outputs"
    return _fault_of_scores(state.get("_held_out"), 2 if "classes_" in state else units[-1])


def _fault_of_scores(held: HeldOut | None, n_scores: int) -> str | None:
    """Return the fault of the scores of held-out rows, or None."""
    if held is None:
        return None
    weights = held.weights or [np.ones(len(own)) for own in held.scores]
    shapes = [(own.shape, len(w)) for own, w in zip(held.scores, weights, strict=True)]
    if any(shape != (n_rows, n_scores) for shape, n_rows in shapes):
        return f"scores and weights of held-out rows have shapes {shapes}"
    if any(np.isnan(own).any() for own in (*held.scores, *weights)):
        return "scores or weights of held-out rows are NaN"
    return None
