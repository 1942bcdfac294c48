"""The use of fitted state: prediction and pickling.

==============  ==================================================================================
plan.py         the layers of a fitted network, ready to predict
prediction.py   from fitted parameters and rows as read to predictions
conformal.py    from scores of held-out rows to intervals and sets
pickling.py     the version in a pickle, and checks of a loaded state
==============  ==================================================================================
"""
