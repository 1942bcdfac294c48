"""Searches and cross-validation whose candidates are lanes of one training.

scikit-learn decides which candidates are evaluated on which splits, scores them, and collects the
results; this package changes only how they are fitted. The steps of a search:

1. ``rebound.py``: ``fit`` of a search, and ``cross_validate`` and ``cross_val_predict``, are
   scikit-learn's own functions, in which another class stands for the name ``Parallel``.
2. ``tasks.py``, ``LaneParallel``: gets scikit-learn's tasks, one for each candidate and split, and
   joins those of one split into jobs, which the workers of ``n_jobs`` run.
3. ``tasks.py``, ``run_job``: runs scikit-learn's function of each task, with an estimator whose
   `fit` is deferred. The first `fit` gets the rows and fit parameters that scikit-learn has taken
   for the split, and fits all candidates of the job.
4. ``fits.py``, ``fit_lanes``: reads X and y once. Transformers of equal Pipelines are fitted once,
   and what reaches their last step is given to `fit_lanes` again.
5. ``_training/lanes.py``, ``train_all``: encodes rows once for candidates that encode them in the
   same way, and trains candidates of equal shapes together where this is faster.

The modules:

fits.py     fit of several estimators on the same data
rebound.py  scikit-learn's functions, with other names
tasks.py    scikit-learn's tasks, joined into jobs

Estimators without lanes, those with callbacks, and what is unusual in a task go scikit-learn's way.
"""
