"""sknet: multilayer perceptrons for scikit-learn, on numpy, scipy and scikit-learn alone."""

from sknet._estimators import MLPBackpropClassifier, MLPBackpropRegressor

__version__ = "0.1.0"

__all__ = ["MLPBackpropClassifier", "MLPBackpropRegressor"]
