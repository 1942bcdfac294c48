"""What an estimator tells of itself: its parameters, and the names of the columns it returns."""

import sys
from typing import Any
from weakref import WeakKeyDictionary

from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin

#: Names of the constructor's parameters, by class.
_NAMES: WeakKeyDictionary[type, tuple[str, ...]] = WeakKeyDictionary()


class Introspected(ClassNamePrefixFeaturesOutMixin, BaseEstimator):
    """scikit-learn's methods, where they are slow or say too much."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Get the parameters of the estimator.

        Parameters
        ----------
        deep : bool, default=True
            Whether to include the parameters of parameters that are estimators.

        Returns
        -------
        dict of str to object
            The parameters by name, in alphabetical order.

        Notes
        -----
        scikit-learn reads the names from the signature of the class in each call, which takes most
        of the time of cloning; a search clones twice per fit. Here the names are read once.
        """
        kind = type(self)
        if kind not in _NAMES:
            _NAMES[kind] = tuple(super().get_params(deep=False))
        params = {name: getattr(self, name) for name in _NAMES[kind]}
        if deep and any(hasattr(value, "get_params") for value in params.values()):
            return super().get_params(deep)
        return params

    def get_feature_names_out(self, input_features: Any = None) -> Any:
        """Get the names of the columns that `transform` returns.

        Parameters
        ----------
        input_features : object
            Ignored, as in scikit-learn.

        Returns
        -------
        ndarray of str
            The name of the class in lower case, and the number of the column.
        """
        # scikit-learn's HTML diagram would list them as features; for a predictor, the names of
        # hidden units say nothing
        if sys._getframe(1).f_code.co_name == "_write_estimator_html":
            return None
        return super().get_feature_names_out(input_features)
