"""The estimators with scikit-learn's settings as defaults, for tests of single parts.

They are the estimators themselves but for the defaults of their constructors: what a test does not
set is off, as in ``presets.SKLEARN``, whatever the defaults of the package become.
"""

from inspect import signature

import sknet
from sknet import _params
from sknet.presets import SKLEARN

#: What presets cannot hold: parameters of one estimator alone, and one that is not scikit-learn's.
OWN = {"max_onehot": 8, "scoring": None, "validation_fraction": 0.1, "weight_decay": 0.01}
OWN |= {"label_smoothing": 0.0, "calibration": None, "clip_predictions": False}


def plain(kind, hidden=(), module=__name__):
    """Return a subclass of `kind`, of the same name, with other defaults.

    It hides the parameters `hidden`. `module` is where it can be imported from.
    """
    off = SKLEARN | OWN
    first, *others = signature(kind.__init__).parameters.values()
    own = [p.replace(default=off.get(p.name, p.default)) for p in others if p.name not in hidden]
    declared = signature(kind.__init__).replace(parameters=[first, *own])

    def construct(self, *args, **kwargs):
        bound = declared.bind(self, *args, **kwargs)
        bound.apply_defaults()
        _params.store(self, bound.arguments)

    construct.__signature__ = declared
    names = {"__init__": construct, "__module__": module, "__doc__": kind.__doc__}
    return type(kind.__name__, (kind,), names)


MLPBackpropClassifier = plain(sknet.MLPBackpropClassifier)
MLPBackpropRegressor = plain(sknet.MLPBackpropRegressor)
