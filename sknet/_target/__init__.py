"""Targets: conversion between the user's y and the network's Y.

=============  ===================================================================================
reading.py     reads y of any container: labels, indicators or numbers; raises for missing values
messages.py    errors and warnings for a y that cannot be used as it is
target.py      Target: the base class
classes.py     labels and label indicators
continuous.py  numbers
scale.py       centre, scale and precision of numbers, outliers among them
weights.py     sample weights and class weights -> weights of mean 1
parts.py       labels and weights of rows that come in parts, which merge
=============  ===================================================================================
"""
