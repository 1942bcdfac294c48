"""Parameters are not looked at before fit, and not changed by it."""

from itertools import product

import numpy as np
import pytest

from tests.marks import each_estimator, ignore_convergence
from tests.params.data import X, Y


@each_estimator
def test_constructor_and_set_params_do_not_validate(cls):
    rubbish = dict.fromkeys(cls().get_params(), object())
    assert cls(**rubbish).get_params() == rubbish
    assert cls().set_params(**rubbish).get_params() == rubbish


@each_estimator
@ignore_convergence
@pytest.mark.filterwarnings("ignore:.*no effect")
def test_fit_leaves_all_parameters_as_they_were_set(cls):
    for solver, sizes in product(["adam", "lbfgs"], [[4, 3], 4]):
        estimator = cls(sizes, max_iter=2, solver=solver, momentum=np.float32(0.5))
        before = estimator.get_params()
        after = estimator.fit(X, Y).get_params()
        assert all(after[name] is value for name, value in before.items())
