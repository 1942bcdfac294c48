"""Plots in the manner of scikit-learn's displays; matplotlib is imported on use.

display.py          ``Display``: axes, and how a fitted estimator is read
curves.py           loss and learning rate by epoch
intervals.py        intervals against the truth
"""
