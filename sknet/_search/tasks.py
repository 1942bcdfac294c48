"""The tasks of scikit-learn's searches and cross-validation, joined into jobs of lanes.

scikit-learn makes a task of each candidate and split: a call of a function that sets the
candidate's parameters, takes the rows of the split, calls `fit`, and scores or predicts.
`LaneParallel` stands in the place of its ``Parallel``. It joins the tasks of one split into jobs. A
job runs the tasks one after another, each by scikit-learn's own function, with estimators whose
`fit` is deferred: the first call fits all of them, on the rows that scikit-learn has taken, and
each call returns or raises what the fit of its estimator has come to.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from inspect import BoundArguments, Signature, signature
from typing import Any

import joblib
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils.parallel import Parallel, delayed

from sknet._base import BaseMLP
from sknet._search.fits import Outcome, fit_lanes, has_lanes
from sknet._search.rebound import rebound

#: The functions of scikit-learn whose tasks can be joined.
JOINED = {"_fit_and_score", "_fit_and_predict"}
#: Splits are cut into parts until workers are idle for at most this share of the time.
MOST_IDLE = 0.1
#: Lanes of a part, at least.
LEAST_LANES = 2

#: A function, its positional and its keyword arguments, as joblib takes it.
Task = tuple[Any, tuple[Any, ...], dict[str, Any]]


class LaneParallel(Parallel):
    """scikit-learn's ``Parallel``, which fits candidates of one split as lanes."""

    def __call__(self, iterable: Iterable[Task]) -> Any:
        """Run the tasks; return their results in order."""
        tasks = list(iterable)
        alone, splits = [], {}
        for number, task in enumerate(tasks):
            split = _split_of(task)
            if split is None:
                alone.append(number)
            else:
                splits.setdefault(split, []).append(number)
        if not splits:
            return super().__call__(tasks)
        jobs = [[number] for number in alone] + self._cut_into_jobs(tasks, list(splits.values()))

        def taken(numbers: list[int]) -> list[Task]:
            own = [tasks[k] for k in numbers]
            for k in numbers:
                tasks[k] = None
            return own

        n_times = -(-len(splits) // joblib.effective_n_jobs(self.n_jobs))
        found = super().__call__(delayed(run_job)(taken(job), n_times) for job in jobs)
        results = [None] * len(tasks)
        for job, own in zip(jobs, found, strict=True):
            for number, result in zip(job, own, strict=True):
                results[number] = result
        return results

    def _cut_into_jobs(self, tasks: Sequence[Task], splits: list[list[int]]) -> list[list[int]]:
        """Cut each split into jobs, such that each worker has as much work as the others."""
        n_workers = joblib.effective_n_jobs(self.n_jobs)
        n_lanes, n_parts = min(map(len, splits)), 1
        while n_lanes // (n_parts + 1) >= LEAST_LANES:
            n_jobs = len(splits) * n_parts
            if -n_jobs % n_workers <= MOST_IDLE * n_jobs:  # the workers that wait for the last ones
                break
            n_parts += 1
        jobs = []
        for numbers in splits:
            ordered = sorted(numbers, key=lambda k: _shape_of(tasks[k]))
            cuts = [part * len(ordered) // n_parts for part in range(n_parts + 1)]
            jobs += [ordered[cuts[part] : cuts[part + 1]] for part in range(n_parts)]
        return jobs


@cache
def _signature(function: Any) -> Signature:
    return signature(function)


def _bound(task: Task) -> tuple[Any, BoundArguments]:
    """Return scikit-learn's function of a task, and its arguments by name."""
    wrapper, args, kwargs = task
    function = getattr(wrapper, "function", wrapper)
    return function, _signature(function).bind(*args, **kwargs)


def _split_of(task: Task) -> Any:
    """Return a key of the task's data, and set its candidate's parameters; None without lanes."""
    function = getattr(task[0], "function", task[0])
    if getattr(function, "__name__", "") not in JOINED:
        return None
    given = _bound(task)[1].arguments
    estimator, parameters = given["estimator"], given.get("parameters")
    if not isinstance(estimator, (BaseMLP, Pipeline)):
        return None
    if getattr(given.get("caller"), "_skl_callbacks", None):
        return None
    try:
        estimator.set_params(**clone(parameters or {}, safe=False))
    except Exception:  # raised again by the task
        return None
    if not has_lanes(estimator):
        return None
    return tuple(id(given.get(name)) for name in ("X", "y", "train", "test", "fit_params"))


def _shape_of(task: Task) -> str:
    """Return a string that is equal for candidates that probably have equal shapes."""
    estimator = _bound(task)[1].arguments["estimator"]
    while isinstance(estimator, Pipeline):
        estimator = estimator.steps[-1][1]
    names = "hidden_layer_sizes", "activation", "solver", "batch_size", "n_members"
    return repr([getattr(estimator, name) for name in names])


def run_job(tasks: list[Task], n_times: int) -> list[Any]:
    """Run tasks of one split; return their results in order. `tasks` is emptied.

    `n_times` says how many splits this process runs.
    """
    bound = [_bound(task) for task in tasks]
    if len(tasks) == 1 and not has_lanes(bound[0][1].arguments["estimator"]):
        function, own = bound[0]
        return [function(*own.args, **own.kwargs)]
    tasks.clear()
    fits = DeferredFits([own.arguments["estimator"] for _, own in bound], n_times)
    bound.reverse()  # each estimator can be freed when its task has ended
    results = []
    while bound:
        function, own = bound.pop()
        with fits.deferred(len(results)):
            results.append(rebound(function, time=fits.clock)(*own.args, **own.kwargs))
    return results


class Clock:
    """Stands for the module `time` in scikit-learn's function, with an offset in seconds."""

    def __init__(self) -> None:
        self.offset = 0.0

    def time(self) -> float:
        """Return the seconds since the epoch, plus the offset."""
        return time.time() + self.offset

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)


class DeferredFits:
    """The fits of several estimators, all done by the first call of `fit` of one of them.

    Parameters
    ----------
    estimators : list of estimator
        With their candidates' parameters.
    n_times : int
        As for `fit_lanes`.

    Attributes
    ----------
    clock : Clock
        By which each fit takes its part of the time of all, whichever call has trained them.
    """

    def __init__(self, estimators: list[Any], n_times: int = 1) -> None:
        self._estimators, self._n_times = estimators, n_times
        self.clock = Clock()
        self._outcomes: list[Outcome] = []
        self._tracebacks: list[Any] = []

    @contextmanager
    def deferred(self, k: int) -> Iterator[None]:
        """In this context, the first call of `fit` of estimator `k` has the outcome of its lane.

        `set_params` is without effect before: the parameters are set, and setting them again would
        replace the fitted steps of a Pipeline. The estimator is not kept after the context.
        """
        estimator = self._estimators[k]
        own = vars(estimator)

        def set_params(**parameters: Any) -> Any:
            return estimator

        def fit(X: Any, y: Any = None, **fit_params: Any) -> Any:
            started = time.time()
            del own["fit"], own["set_params"]
            if not self._outcomes:
                self._outcomes = fit_lanes(self._estimators, X, y, fit_params, self._n_times)
                errors = [own.error for own in self._outcomes]
                self._tracebacks = [error and error.__traceback__ for error in errors]
            error, seconds = self._outcomes[k]
            self.clock.offset += seconds - (time.time() - started)
            if error is not None:  # several lanes may have the same one
                raise error.with_traceback(self._tracebacks[k])
            return estimator

        own |= {"fit": fit, "set_params": set_params}
        try:
            yield
        finally:
            own.pop("fit", None)
            own.pop("set_params", None)
            self._estimators[k] = None
