"""scikit-learn's searches and cross-validation, which fit candidates as lanes of one training.

The names, arguments, attributes and results are those of ``sklearn.model_selection``: its own code
chooses candidates, splits, scores and refits. For the estimators of this package, and for a
``Pipeline`` that ends in one, each split is read and encoded once, and candidates of equal shapes
are trained together. Any other estimator is fitted as in scikit-learn.
"""

import re

from sklearn import model_selection as theirs
from sklearn.experimental import enable_halving_search_cv  # noqa: F401  adds two names to `theirs`

from sknet._compat import BaseSearchCV
from sknet._search.rebound import rebound
from sknet._search.tasks import LaneParallel

__all__ = [
    "GridSearchCV",
    "HalvingGridSearchCV",
    "HalvingRandomSearchCV",
    "RandomizedSearchCV",
    "cross_val_predict",
    "cross_val_score",
    "cross_validate",
]

_NOTES = """
    Notes
    -----
    Everything but the fitting is scikit-learn's: see its user guide. What differs:

    - Candidates of one split with equal shapes (hidden layers, batch, solver) are trained together,
      whatever their learning rates, penalties, dropout, schedules, seeds, epochs and stopping. A
      candidate that stops leaves the others; one that diverges fails alone.
    - Scores are those of scikit-learn's search. Small networks are trained in lockstep, where sums
      are rounded in another order: with ``dtype="float64"`` they agree to about 1e-6, with float32
      as far as training magnifies a change of the last bit. Larger ones agree in every bit.
    - The transformers of a Pipeline are fitted once for each split and their own settings.
    - `fit_time` is the time of all candidates that are fitted together, in equal parts.
    - Ctrl-C ends the candidates of one split, which keep their last finished epoch; the search goes
      on. A second one within a second ends the search.
    - Candidates with `max_time`, `verbose`, `warm_start` or the solver "lbfgs" are trained one
      after another. Estimators with callbacks, and all of a search with callbacks, are fitted as in
      scikit-learn.
"""


def _sections(doc: str, names: str, indent: str) -> str:
    """Return the named sections of a numpydoc docstring of scikit-learn."""
    parts = re.split(r"\n(?=[ ]*[A-Z][\w ]+\n[ ]*-{3,}\n)", doc)
    found = [part for part in parts if part.split("\n")[0].strip() in names.split("|")]
    lines = "\n".join(found).splitlines()
    known = [len(line) - len(line.lstrip()) for line in lines if line.strip()]
    cut = min(known, default=0)
    return "\n".join((indent + line[cut:]).rstrip() for line in lines)


def _documented(own, original, sections="Parameters|Returns|Attributes"):
    """Set the docstring of `own`: what it says, then scikit-learn's sections, then the notes."""
    summary, _, example = own.__doc__.partition("    Examples\n")
    given = _sections(original.__doc__ or "", sections, "    ")
    own.__doc__ = f"{summary.rstrip()}\n\n{given}\n{_NOTES}\n    Examples\n{example}"
    return own


class _LaneSearch(BaseSearchCV):
    """A search whose candidates are fitted as lanes."""

    fit = rebound(BaseSearchCV.fit, Parallel=LaneParallel)


class GridSearchCV(theirs.GridSearchCV, _LaneSearch):
    """Exhaustive search over a grid of parameters, with candidates as lanes of one training.

    A drop-in for ``sklearn.model_selection.GridSearchCV``.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sknet import MLPBackpropClassifier
    >>> from sknet.model_selection import GridSearchCV
    >>> X, y = load_iris(return_X_y=True)
    >>> net = MLPBackpropClassifier((16,), random_state=0)
    >>> search = GridSearchCV(net, {"learning_rate_init": [1e-5, 1e-2]}, cv=3).fit(X, y)
    >>> search.best_params_
    {'learning_rate_init': 0.01}
    """


class RandomizedSearchCV(theirs.RandomizedSearchCV, _LaneSearch):
    """Search over parameters drawn at random, with candidates as lanes of one training.

    A drop-in for ``sklearn.model_selection.RandomizedSearchCV``.

    Examples
    --------
    >>> from scipy.stats import loguniform
    >>> from sklearn.datasets import load_iris
    >>> from sknet import MLPBackpropClassifier
    >>> from sknet.model_selection import RandomizedSearchCV
    >>> X, y = load_iris(return_X_y=True)
    >>> net = MLPBackpropClassifier((16,), random_state=0)
    >>> rates = {"learning_rate_init": loguniform(1e-4, 1e-1)}
    >>> search = RandomizedSearchCV(net, rates, n_iter=5, cv=3, random_state=0).fit(X, y)
    >>> print(search.best_score_ > 0.8)
    True
    """


class HalvingGridSearchCV(theirs.HalvingGridSearchCV, _LaneSearch):
    """Search over a grid with successive halving, with candidates as lanes of one training.

    A drop-in for ``sklearn.model_selection.HalvingGridSearchCV``. scikit-learn's
    ``enable_halving_search_cv`` is imported by this module. `resource` may be a parameter of the
    network, such as "max_iter".

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sknet import MLPBackpropClassifier
    >>> from sknet.model_selection import HalvingGridSearchCV
    >>> X, y = load_iris(return_X_y=True)
    >>> net = MLPBackpropClassifier((16,), random_state=0)
    >>> rates = {"learning_rate_init": [1e-3, 3e-3, 1e-2]}
    >>> search = HalvingGridSearchCV(net, rates, cv=3, random_state=0).fit(X, y)
    >>> search.n_candidates_, search.n_resources_
    ([3, 1], [50, 150])
    """


class HalvingRandomSearchCV(theirs.HalvingRandomSearchCV, _LaneSearch):
    """Search at random with successive halving, with candidates as lanes of one training.

    A drop-in for ``sklearn.model_selection.HalvingRandomSearchCV``. scikit-learn's
    ``enable_halving_search_cv`` is imported by this module.

    Examples
    --------
    >>> from scipy.stats import loguniform
    >>> from sklearn.datasets import load_iris
    >>> from sknet import MLPBackpropClassifier
    >>> from sknet.model_selection import HalvingRandomSearchCV
    >>> X, y = load_iris(return_X_y=True)
    >>> net = MLPBackpropClassifier((16,), random_state=0)
    >>> search = HalvingRandomSearchCV(
    ...     net, {"learning_rate_init": loguniform(1e-4, 1e-1)}, cv=3, random_state=0
    ... ).fit(X, y)
    >>> print(search.best_score_ > 0.8)
    True
    """


for _own in (GridSearchCV, RandomizedSearchCV, HalvingGridSearchCV, HalvingRandomSearchCV):
    _documented(_own, getattr(theirs, _own.__name__))


def _function(original, doc, **names):
    """Return scikit-learn's function with these names, as a function of this module."""
    own = rebound(original, **names)
    own.__module__, own.__doc__ = __name__, doc
    return _documented(own, original)


cross_validate = _function(
    theirs.cross_validate,
    """Evaluate metrics by cross-validation, and record fit and score times.

    A drop-in for ``sklearn.model_selection.cross_validate``.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sknet import MLPBackpropClassifier
    >>> from sknet.model_selection import cross_validate
    >>> X, y = load_iris(return_X_y=True)
    >>> net = MLPBackpropClassifier((16,), random_state=0)
    >>> found = cross_validate(net, X, y, cv=3, scoring=["accuracy", "neg_log_loss"])
    >>> found["test_accuracy"].shape
    (3,)
    """,
    Parallel=LaneParallel,
)
cross_val_score = _function(
    theirs.cross_val_score,
    """Evaluate a score by cross-validation.

    A drop-in for ``sklearn.model_selection.cross_val_score``.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sknet import MLPBackpropClassifier
    >>> from sknet.model_selection import cross_val_score
    >>> X, y = load_iris(return_X_y=True)
    >>> net = MLPBackpropClassifier((16,), random_state=0)
    >>> print(cross_val_score(net, X, y, cv=3).mean() > 0.9)
    True
    """,
    cross_validate=cross_validate,
)
cross_val_predict = _function(
    theirs.cross_val_predict,
    """Return the prediction of each row by a network that was fitted without it.

    A drop-in for ``sklearn.model_selection.cross_val_predict``. The estimators' own parameter `cv`
    fits all folds as one training, and keeps the out-of-fold predictions.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sknet import MLPBackpropClassifier
    >>> from sknet.model_selection import cross_val_predict
    >>> X, y = load_iris(return_X_y=True)
    >>> net = MLPBackpropClassifier((16,), random_state=0)
    >>> cross_val_predict(net, X, y, cv=3, method="predict_proba").shape
    (150, 3)
    """,
    Parallel=LaneParallel,
)
