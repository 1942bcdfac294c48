"""Plots of fitted estimators, in the manner of scikit-learn's displays. They need matplotlib."""

from sknet._plots.curves import LearningRateDisplay, LossCurveDisplay
from sknet._plots.intervals import IntervalDisplay

__all__ = ["IntervalDisplay", "LearningRateDisplay", "LossCurveDisplay"]
