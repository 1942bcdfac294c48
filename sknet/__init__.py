"""sknet: multilayer perceptrons for scikit-learn, on numpy, scipy and scikit-learn alone."""

from sknet._classifier import MLPBackpropClassifier
from sknet._regressor import MLPBackpropRegressor

__version__ = "0.1.0"

__all__ = ["MLPBackpropClassifier", "MLPBackpropRegressor"]
