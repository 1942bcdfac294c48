"""The rules of every constructor parameter, generated from the engine's tables.

``RULES[name]`` says what a parameter may be. ``HAS_EFFECT[name]`` says which other options decide
whether it has an effect. There is one type of error: `InvalidParameterError`.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cache
from inspect import signature
from math import inf
from reprlib import repr as short_repr
from typing import Any, NamedTuple

import numpy as np

from sknet._compat import warn
from sknet._engine.activations import ACTIVATIONS
from sknet._engine.initializers import INITIALIZERS
from sknet._engine.losses import LOSSES
from sknet._engine.optimizers import OPTIMIZERS
from sknet._engine.schedules import SCHEDULES
from sknet._rules import (
    InvalidParameterError,
    Rule,
    increase,
    integer,
    is_class_weight,
    is_integer,
    is_real,
    is_scorer,
    names_columns,
    one_of,
    real,
    sequence_of,
)  # fmt: skip
from sknet._table.encodings import feature_scalings

LEVEL = real("(0, 1)")
NONE = Rule(lambda v: v is None, "None")
AUTO = one_of("auto")
BOOLEAN = Rule(lambda v: isinstance(v, (bool, np.bool_)), "a bool")
ACTIVATION = one_of(*ACTIVATIONS)

#: The stochastic solvers; "lbfgs" is the other one.
STOCHASTIC = tuple(OPTIMIZERS)

#: How numbers are scaled, besides None. Encodings that are added later are allowed, too.
FEATURE_SCALING = Rule(
    lambda v: isinstance(v, str) and v in ("auto", *feature_scalings()),
    one_of("auto", *feature_scalings()).words,
)

#: The regressor's out_activation, beside "auto": the links of squared_error on single outputs.
OUT_ACTIVATIONS = tuple(name for name in LOSSES["squared_error"] if name != "softmax")

RULES: Mapping[str, Rule] = {
    "hidden_layer_sizes": integer(1)
    | sequence_of(integer(1), "a tuple, list or 1-d array of such ints (empty: no hidden layer)"),
    "activation": ACTIVATION
    | sequence_of(ACTIVATION, "a tuple or list of these names, one for each hidden layer"),
    "solver": one_of("lbfgs", *STOCHASTIC),
    "alpha": AUTO | real("[0, inf)"),
    "batch_size": AUTO | integer(1),
    "learning_rate": one_of("auto", *SCHEDULES)
    | Rule(callable, "a callable that takes the progress of training and returns the rate"),
    "warmup": AUTO | real("[0, inf)"),
    "dropout": AUTO
    | real("[0, 1)")
    | sequence_of(real("[0, 1)"), "a tuple, list or 1-d array of such floats"),
    "dropout_input": real("[0, 1)"),
    "clip_norm": real("(0, inf)") | NONE,
    "max_time": real("(0, inf)") | NONE,
    "scoring": AUTO
    | Rule(is_scorer, "'loss', the name of a scorer (sklearn.metrics.get_scorer_names())")
    | Rule(callable, "a callable")
    | NONE,
    "class_weight": one_of("balanced")
    | Rule(is_class_weight, "a dict of label to weight, 0 or more")
    | NONE,
    "label_smoothing": AUTO | real("[0, 1)"),
    "target_scaling": BOOLEAN,
    "feature_scaling": FEATURE_SCALING | NONE,
    "categorical_features": one_of("from_dtype")
    | Rule(names_columns, "a mask, positions or names of columns, as a tuple, list or 1-d array")
    | NONE,
    "numeric_embedding": one_of("auto", "ple", "periodic") | NONE,
    "n_bins": AUTO | integer(2),
    "input_scaling_layer": AUTO | BOOLEAN,
    "averaging": AUTO | real("(0, inf)") | NONE,
    "calibration": one_of("auto", "temperature") | NONE,
    "clip_predictions": AUTO | BOOLEAN,
    "min_frequency": AUTO | integer(1) | real("[0, 1)"),
    "max_onehot": integer(0),
    "embedding_dim": AUTO | integer(1),
    "embedding_dropout": AUTO | real("[0, 1)"),
    "huber_delta": real("(0, inf)"),
    "tweedie_power": real("[1, 3]"),
    "quantile": LEVEL
    | Rule(increase, "a tuple, list or 1-d array of such floats that strictly increase"),
    "learning_rate_init": AUTO | real("(0, inf)"),
    "power_t": real("[0, inf)"),
    "max_iter": AUTO | integer(1),
    "shuffle": BOOLEAN,
    "random_state": integer(0, 2**32 - 1)
    | Rule(lambda v: isinstance(v, np.random.RandomState), "a numpy.random.RandomState")
    | NONE,
    "tol": real("[0, inf)"),
    "verbose": BOOLEAN | integer(0),
    "warm_start": BOOLEAN,
    "momentum": real("[0, 1]"),
    "nesterovs_momentum": BOOLEAN,
    "early_stopping": BOOLEAN | AUTO,
    "validation_fraction": AUTO | real("(0, 1)"),
    "beta_1": real("[0, 1)"),
    "beta_2": real("[0, 1)"),
    "epsilon": real("(0, inf)"),
    "rho": real("[0, 1)"),
    "weight_decay": AUTO | real("[0, inf)"),
    "n_iter_no_change": AUTO | integer(1) | Rule(lambda v: is_real(v) and v == inf, "numpy.inf"),
    "max_fun": integer(1),
    "init": one_of("auto", *INITIALIZERS),
    "n_members": integer(1),
    "cv": integer(2)
    | Rule(
        lambda v: (hasattr(v, "split") or hasattr(v, "__iter__")) and not isinstance(v, str),
        "a splitter, an iterable of splits",
    )
    | NONE,
    "dtype": one_of("auto", "float32", "float64"),
    "out_activation": one_of("auto", *OUT_ACTIVATIONS),
}


class Condition(NamedTuple):
    """What a parameter needs to have an effect, and the option that decides on it."""

    option: str
    holds: Callable[[Mapping[str, Any]], bool]


def _stochastic(p: Mapping[str, Any]) -> bool:
    return p["solver"] != "lbfgs"


def _horizon(p: Mapping[str, Any]) -> bool:
    schedule = p["learning_rate"]
    is_named = isinstance(schedule, str) and schedule != "auto"
    return _stochastic(p) and is_named and SCHEDULES[schedule].has_horizon


def _optimizer_reads(name: str) -> Condition:
    return Condition(
        "solver", lambda p: _stochastic(p) and name in OPTIMIZERS[p["solver"]].parameters
    )


def _loss_reads(name: str) -> Condition:
    return Condition(
        "loss", lambda p: any(name in loss.parameters for loss in LOSSES[p["loss"]].values())
    )


IS_STOCHASTIC = Condition("solver", _stochastic)
HAS_HIDDEN = Condition("hidden_layer_sizes", lambda p: len(p["hidden_layer_sizes"]) > 0)
VALIDATES = Condition(
    "early_stopping", lambda p: bool(p["early_stopping"] or p["X_val"] or p["cv"] is not None)
)
HAS_CATEGORIES = Condition("categorical_features", lambda p: p["categorical_features"] is not None)
OF_CATEGORIES = "min_frequency", "max_onehot", "embedding_dim", "embedding_dropout"

#: The conditions of each parameter that can be without effect. A warning names the option of the
#: first one that does not hold. "X_val" stands for the rows that are given to `fit`.
HAS_EFFECT: Mapping[str, tuple[Condition, ...]] = {
    **{
        name: (_optimizer_reads(name),)
        for optimizer in OPTIMIZERS.values()
        for name in optimizer.parameters
    },
    **dict.fromkeys(("batch_size", "shuffle", "warmup"), (IS_STOCHASTIC,)),
    "learning_rate": (  # "constant", scikit-learn's default, asks for nothing
        Condition("solver", lambda p: _stochastic(p) or p["learning_rate"] == "constant"),
    ),
    "learning_rate_init": (
        IS_STOCHASTIC,
        Condition("learning_rate", lambda p: not callable(p["learning_rate"])),
    ),
    "power_t": (
        IS_STOCHASTIC,
        Condition("learning_rate", lambda p: p["learning_rate"] == "invscaling"),
    ),
    **dict.fromkeys(("dropout", "input_scaling_layer"), (HAS_HIDDEN,)),
    "n_bins": (
        Condition("numeric_embedding", lambda p: p["numeric_embedding"] in ("auto", "ple")),
    ),
    "calibration": (  # None asks for nothing, and has its effect
        Condition("early_stopping", lambda p: p["calibration"] is None or VALIDATES.holds(p)),
    ),
    **dict.fromkeys(OF_CATEGORIES, (HAS_CATEGORIES,)),
    "max_fun": (Condition("solver", lambda p: not _stochastic(p)),),
    "validation_fraction": (
        Condition("early_stopping", lambda p: bool(p["early_stopping"])),
        Condition("cv", lambda p: p["cv"] is None),
        Condition("X_val", lambda p: not p["X_val"]),
    ),
    "scoring": (VALIDATES,),
    "n_iter_no_change": (
        Condition("solver", lambda p: _stochastic(p) or bool(p["early_stopping"])),
        Condition("learning_rate", lambda p: not _horizon(p)),
    ),
    "target_scaling": (
        Condition("loss", lambda p: "identity" in LOSSES[p["loss"]]),
        Condition("out_activation", lambda p: p["out_activation"] in ("auto", "identity")),
    ),
    "clip_predictions": (
        Condition("loss", lambda p: "identity" in LOSSES[p["loss"]]),
        Condition("out_activation", lambda p: p["out_activation"] in ("auto", "identity")),
    ),
    **{
        name: (_loss_reads(name),)
        for links in LOSSES.values()
        for loss in links.values()
        for name in loss.parameters
    },
}

#: Parameters that would change the model but do not work with lbfgs, and the value that is allowed.
OFF = {"dropout": 0.0, "dropout_input": 0.0, "embedding_dropout": 0.0, "clip_norm": None}
OFF |= {"averaging": None}


def store(estimator: Any, arguments: Mapping[str, Any]) -> None:
    """Set the constructor's arguments (its ``locals()``) as attributes, unmodified."""
    for name, value in arguments.items():
        if name not in ("self", "__class__"):
            setattr(estimator, name, value)


def quantile_levels(p: Mapping[str, Any]) -> tuple[float, ...] | None:
    """Return the levels that are predicted, one or several; None for other losses."""
    if p["loss"] != "quantile":
        return None
    return p["quantile"] if isinstance(p["quantile"], tuple) else (p["quantile"],)


def refuse(estimator: Any, name: str, why: str) -> InvalidParameterError:
    """Return the error for parameter `name`: `why` says what is allowed."""
    value = short_repr(getattr(estimator, name))
    return InvalidParameterError(
        f"The {name!r} parameter of {type(estimator).__name__} {why}. Got {value} instead."
    )


def check(estimator: Any, losses: Collection[str], X_val: bool = False) -> dict[str, Any]:
    """Check all parameters, each alone and in combination.

    Parameters
    ----------
    estimator : BaseEstimator
    losses : collection of str
        The allowed values of its `loss`.
    X_val : bool
        Whether `X_val` was passed to `fit`.

    Returns
    -------
    dict
        The parameters by name, and `X_val`. `hidden_layer_sizes` is a tuple of int, `activation`
        and `dropout` are tuples with one entry per hidden layer, `quantile` is a float or a tuple
        of several.

    Raises
    ------
    InvalidParameterError
        Names the parameter, the class, what is allowed and what was given.
    """
    defaults = _defaults(type(estimator))
    p = {name: getattr(estimator, name, default) for name, default in defaults.items()}
    for name, value in p.items():
        rule = one_of(*losses) if name == "loss" else RULES[name]
        if not rule.allows(value):
            raise refuse(estimator, name, f"must be {rule.words}")
    sizes = p["hidden_layer_sizes"]
    p["hidden_layer_sizes"] = (
        (int(sizes),) if is_integer(sizes) else tuple(int(size) for size in sizes)
    )
    p["activation"] = _activations(estimator, len(p["hidden_layer_sizes"]))
    p["X_val"] = X_val
    if p["early_stopping"] != "auto":
        p["early_stopping"] = bool(p["early_stopping"])
    p["dropout"] = _dropout(estimator, len(p["hidden_layer_sizes"]))
    if "quantile" in p:
        levels = p["quantile"]
        levels = (levels,) if is_real(levels) else levels
        p["quantile"] = tuple(float(v) for v in levels) if len(levels) > 1 else float(levels[0])
    _check_combinations(estimator, p)
    return p


def _activations(estimator: Any, n_hidden: int) -> tuple[str, ...]:
    """Return one activation per hidden layer."""
    activation = estimator.activation
    if isinstance(activation, str):
        return (activation,) * n_hidden
    if len(activation) != n_hidden:
        raise refuse(
            estimator, "activation", f"must hold one name for each of the {n_hidden} hidden layers"
        )
    return tuple(map(str, activation))


def _dropout(estimator: Any, n_hidden: int) -> tuple[float, ...] | str:
    """Return one probability per hidden layer."""
    dropout = estimator.dropout
    if isinstance(dropout, str):
        return dropout
    if is_real(dropout):
        return (float(dropout),) * n_hidden
    if len(dropout) != n_hidden:
        raise refuse(
            estimator, "dropout", f"must hold one number for each of the {n_hidden} hidden layers"
        )
    return tuple(float(p) for p in dropout)


def _check_combinations(estimator: Any, p: Mapping[str, Any]) -> None:
    """Raise if a combination is not possible."""
    out_activation = p.get("out_activation", "auto")
    if out_activation not in ("auto", *LOSSES[p["loss"]]):
        raise refuse(
            estimator,
            "out_activation",
            f"must be 'auto' with loss={p['loss']!r}, which has an output activation of its own",
        )
    several = p["loss"] == "quantile" and isinstance(p["quantile"], tuple)
    if several and out_activation != "auto":
        raise refuse(estimator, "out_activation", "must be 'auto' with several quantiles")
    if not _stochastic(p):
        for name, off in OFF.items():
            if p[name] != "auto" and np.any(np.asarray(p[name] or off) != np.asarray(off)):
                raise refuse(estimator, name, f"must be {off} with solver='lbfgs'")
    if p["early_stopping"] is True and p["solver"] == "lbfgs" and p["n_members"] > 1:
        raise refuse(
            estimator,
            "early_stopping",
            "must be False with solver='lbfgs' and n_members > 1: the members are fitted one after"
            " another, so there is no averaged prediction to score after each epoch",
        )
    _check_cv(estimator, p)


def warn_of_idle(estimator: Any, p: Mapping[str, Any]) -> None:
    """Warn of parameters that were set and have no effect, given parameters without "auto"."""
    idle = list(_without_effect(estimator, p))
    if idle:
        warn(f"{'; '.join(idle)}.", UserWarning)


def _check_cv(estimator: Any, p: Mapping[str, Any]) -> None:
    """Raise if cross-fitting is not possible."""
    if p.get("cv") is None:
        return
    why = "must be None with {}: "
    if p["X_val"]:
        raise refuse(estimator, "cv", why.format("X_val") + "each fold validates its members")
    if p["warm_start"]:
        words = "the folds are new in each fit. partial_fit trains all members on all rows"
        raise refuse(estimator, "cv", why.format("warm_start=True") + words)
    if not _stochastic(p):
        words = "there are no epochs, of which the folds choose one"
        raise refuse(estimator, "cv", why.format("solver='lbfgs'") + words)


def _without_effect(estimator: Any, p: Mapping[str, Any]) -> Iterable[str]:
    """Yield a sentence for each parameter that differs from its default and has no effect."""
    defaults = _defaults(type(estimator))
    for name, conditions in HAS_EFFECT.items():
        value = getattr(estimator, name, defaults.get(name))
        if name in defaults and not _is_auto(value) and not _same(value, defaults[name]):
            option = next((c.option for c in conditions if not c.holds(p)), None)
            if option is not None:
                words = _option_in_words(option, p[option])
                is_auto = _is_auto(getattr(estimator, option, p[option]))
                yield f"{name} has no effect with {words}{', as auto is here' if is_auto else ''}"


#: Types of most values, which are compared without numpy.
PLAIN = str, int, float


def _is_auto(value: Any) -> bool:
    return isinstance(value, str) and value == "auto"


def _option_in_words(name: str, value: Any) -> str:
    """Return an option and its value, for a message."""
    if name == "X_val":
        return name
    return f"a callable {name}" if callable(value) else f"{name}={short_repr(value)}"


def _same(value: Any, default: Any) -> bool:
    if value is default:
        return True
    is_plain = isinstance(value, PLAIN) and isinstance(default, PLAIN)
    return (is_plain or np.ndim(value) == np.ndim(default)) and bool(value == default)


@cache
def _defaults(kind: type) -> dict[str, Any]:
    """Return the default of each parameter with a rule, of the constructors of all base classes.

    A subclass may have parameters of its own, which are its own to check, and it may hide some of
    those that its base class has.
    """
    constructors = [
        vars(base)["__init__"] for base in reversed(kind.__mro__[:-1]) if "__init__" in vars(base)
    ]
    parameters = [p for init in constructors for p in signature(init).parameters.values()]
    return {p.name: p.default for p in parameters if p.name in RULES or p.name == "loss"}
