"""`fit` of several estimators on the same data, as lanes of one training."""

from collections.abc import Sequence
from copy import copy, deepcopy
from time import perf_counter
from typing import Any, NamedTuple

from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from sknet._base import BaseMLP
from sknet._fits import Begun
from sknet._training.finish import Result
from sknet._training.lanes import train_all
from sknet._training.shared import Shared, key_of

#: The arguments of `fit`, besides X and y, that lanes share.
FIT_PARAMS = {"sample_weight", "X_val", "y_val", "sample_weight_val", "groups"}


class Outcome(NamedTuple):
    """What a fit has come to: the error that it raises or None, and its seconds."""

    error: Exception | None
    seconds: float


def has_lanes(estimator: Any) -> bool:
    """Whether the estimator is one of this package, or a Pipeline that ends in one.

    A subclass with a `fit` of its own is not, and neither is an estimator with callbacks: these
    are called in the context of one fit.
    """
    if getattr(estimator, "_skl_callbacks", None):
        return False
    if type(estimator) is Pipeline:
        *transformers, (_, last) = estimator.steps
        watched = any(getattr(step, "_skl_callbacks", None) for _, step in transformers)
        return not watched and has_lanes(last)
    own = type(estimator)
    is_plain = issubclass(own, BaseMLP) and own.fit is BaseMLP.fit and own._fit is BaseMLP._fit
    return is_plain and not hasattr(estimator, "coefs_")


def fit_lanes(
    estimators: Sequence[Any], X: Any, y: Any, fit_params: dict[str, Any], n_times: int = 1
) -> list[Outcome]:
    """Fit each estimator to X and y, as ``estimator.fit(X, y, **fit_params)`` does.

    Parameters
    ----------
    estimators : sequence of estimator
        Different objects. Those that have lanes (`has_lanes`) share what they can.
    X, y : object
        As for `fit`.
    fit_params : dict
        As for `fit`.
    n_times : int
        How often this process fits such estimators, which share the cost of importing numba.

    Returns
    -------
    list of Outcome
        For each estimator, the error that its `fit` raises, or None. An estimator whose fit fails
        is the same as before the call.

    Notes
    -----
    An estimator that has fitted alone has equal attributes, but for the rounding of sums where
    lanes are trained in lockstep (``_training/lanes.py``). Seconds are those of all lanes, in equal
    parts.
    """
    outcomes: dict[int, Outcome] = {}
    networks, pipelines = [], []
    for k, estimator in enumerate(estimators):
        if not has_lanes(estimator) or y is None:
            outcomes[k] = _fitted_alone(estimator, X, y, fit_params)
        elif isinstance(estimator, Pipeline):
            pipelines.append(k)
        elif fit_params.keys() <= FIT_PARAMS:
            networks.append(k)
        else:  # raises
            outcomes[k] = _fitted_alone(estimator, X, y, fit_params)
    if networks:
        own = {k: estimators[k] for k in networks}
        outcomes |= _fit_networks(own, n_times, X, y, **fit_params)
    groups = _of_equal_transformers({k: estimators[k] for k in pipelines})
    for numbers in groups:
        own_X = X if numbers is groups[-1] else _copy_of(X)  # transformers may overwrite it
        outcomes |= _fit_pipelines(
            {k: estimators[k] for k in numbers}, own_X, y, fit_params, n_times
        )
    return [outcomes[k] for k in range(len(estimators))]


def _fitted_alone(estimator: Any, X: Any, y: Any, fit_params: dict[str, Any]) -> Outcome:
    started, error = perf_counter(), None
    try:
        if y is None:
            estimator.fit(X, **fit_params)
        else:
            estimator.fit(X, y, **fit_params)
    except Exception as raised:
        error = raised
    return Outcome(error, perf_counter() - started)


def _fit_networks(
    estimators: dict[int, BaseMLP],
    n_times: int,
    X: Any,
    y: Any,
    sample_weight: Any = None,
    X_val: Any = None,
    y_val: Any = None,
    sample_weight_val: Any = None,
    groups: Any = None,
) -> dict[int, Outcome]:
    """Fit networks; return the outcome of each by its number."""
    started, shared, given = perf_counter(), Shared(), (X_val, y_val, sample_weight_val)
    errors: dict[int, Exception | None] = {}
    before = {k: dict(vars(estimator)) for k, estimator in estimators.items()}
    begun: dict[int, Begun] = {}
    for k, estimator in estimators.items():
        try:
            begun[k] = estimator._begin(X, y, sample_weight, given, groups=groups, shared=shared)
        except Exception as error:
            errors[k] = _failed(estimator, before[k], error)
    numbers = list(begun)
    for place, outcome in train_all([begun[k].job for k in numbers], n_times):
        k = numbers[place]
        estimator = estimators[k]
        if isinstance(outcome, Result):
            errors[k] = _taken(estimator, begun.pop(k), outcome, before[k])
        else:
            errors[k] = _failed(estimator, before[k], outcome)
    each = (perf_counter() - started) / max(len(estimators), 1)
    return {k: Outcome(error, each) for k, error in errors.items()}


def _taken(
    estimator: BaseMLP, begun: Begun, result: Result, before: dict[str, Any]
) -> Exception | None:
    """Set the fitted attributes, and warn; return what this raises."""
    try:
        estimator._take(begun, result)
    except Exception as error:
        return _failed(estimator, before, error)
    try:
        estimator._warn(begun, result)
    except Warning as warning:
        return warning
    return None


def _failed(estimator: BaseMLP, before: dict[str, Any], error: Exception) -> Exception:
    """Restore the attributes of the estimator, and return the error."""
    vars(estimator).clear()
    vars(estimator).update(before)
    return error


class Recorder(BaseEstimator):
    """Stands for the last step of a Pipeline, and keeps what it would be fitted to."""

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(self, X: Any, y: Any = None, **fit_params: Any) -> "Recorder":
        """Keep the arguments."""
        self.seen = X, y, fit_params
        return self

    def get_metadata_routing(self) -> Any:
        """Return the requests of the last step."""
        return self.estimator.get_metadata_routing()

    def __sklearn_tags__(self) -> Any:
        return self.estimator.__sklearn_tags__()


def _copy_of(X: Any) -> Any:
    return X.copy() if hasattr(X, "copy") else deepcopy(X)


def _of_equal_transformers(pipelines: dict[int, Pipeline]) -> list[list[int]]:
    """Return the numbers of pipelines whose steps before the last one are equal."""
    groups: dict[Any, list[int]] = {}
    for k, pipeline in pipelines.items():
        params = {name: v for name, v in pipeline.get_params(deep=False).items() if name != "steps"}
        key = key_of(pipeline.steps[:-1], pipeline.steps[-1][0], params)
        groups.setdefault(key, []).append(k)
    return list(groups.values())


def _fit_pipelines(
    pipelines: dict[int, Pipeline], X: Any, y: Any, fit_params: dict[str, Any], n_times: int
) -> dict[int, Outcome]:
    """Fit pipelines whose transformers are equal: these once, their last steps as lanes."""
    started = perf_counter()
    first = next(iter(pipelines.values()))
    name, last = first.steps[-1]
    fitted = copy(first)
    fitted.steps = [*first.steps[:-1], (name, Recorder(last))]
    try:
        fitted.fit(X, y, **fit_params)
    except Exception as error:
        each = (perf_counter() - started) / len(pipelines)
        return {k: Outcome(error, each) for k in pipelines}
    X, y, fit_params = fitted.steps[-1][1].seen
    each = (perf_counter() - started) / len(pipelines)
    last_steps = [own.steps[-1][1] for own in pipelines.values()]
    outcomes = fit_lanes(last_steps, X, y, fit_params, n_times)
    for pipeline in pipelines.values():
        new = {name: value for name, value in vars(fitted).items() if name not in vars(pipeline)}
        vars(pipeline).update(new)
        pipeline.steps = [*fitted.steps[:-1], pipeline.steps[-1]]
    return {
        k: own._replace(seconds=own.seconds + each)
        for k, own in zip(pipelines, outcomes, strict=True)
    }
