"""Searches and cross-validation of scikit-learn, which fit candidates as lanes of one training."""

from sklearn import model_selection as _theirs
from sklearn.experimental import enable_halving_search_cv  # noqa: F401

from sknet._compat import BaseSearchCV
from sknet._search.rebound import rebound
from sknet._search.tasks import LaneParallel


class _LaneSearch(BaseSearchCV):
    fit = rebound(BaseSearchCV.fit, Parallel=LaneParallel)


class GridSearchCV(_theirs.GridSearchCV, _LaneSearch):
    pass


class RandomizedSearchCV(_theirs.RandomizedSearchCV, _LaneSearch):
    pass


class HalvingGridSearchCV(_theirs.HalvingGridSearchCV, _LaneSearch):
    pass


class HalvingRandomSearchCV(_theirs.HalvingRandomSearchCV, _LaneSearch):
    pass


cross_validate = rebound(_theirs.cross_validate, Parallel=LaneParallel)
cross_val_score = rebound(_theirs.cross_val_score, cross_validate=cross_validate)
cross_val_predict = rebound(_theirs.cross_val_predict, Parallel=LaneParallel)
