"""The estimators with scikit-learn's settings, whatever the defaults of the measured commit are."""

import sys
from importlib.util import find_spec
from pathlib import Path

if find_spec("sknet.presets") is None:  # a commit whose defaults are these
    from sknet import MLPBackpropClassifier, MLPBackpropRegressor
else:
    sys.path.append(str(Path(__file__).parents[2]))
    from tests.plain import MLPBackpropClassifier, MLPBackpropRegressor

__all__ = ["MLPBackpropClassifier", "MLPBackpropRegressor"]
