"""Each loss accepts every target in its domain, and refuses the others."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sknet._engine.losses import LOSSES
from sknet._params import OUT_ACTIVATIONS
from tests.properties.strategies import REGRESSOR, SOLVER_PARAMS, examples, refusal, tables

#: The range of the predictions for each link, both ends included.
RANGES = {"exp": (0, np.inf), "softplus": (0, np.inf), "logistic": (0, 1), "tanh": (-1, 1)}
LINKS = [(loss, link) for loss in REGRESSOR._losses for link in LOSSES[loss] if link != "softmax"]


def regressor(loss, link, **params):
    if link in OUT_ACTIVATIONS and loss == "squared_error":
        params["out_activation"] = link
    if link == "increments":
        params["quantile"] = [0.1, 0.5, 0.8]
    return REGRESSOR((3,), loss=loss, max_iter=3, random_state=0, **params)


def in_domain(domain, small):
    """Return a strategy for targets that a loss accepts."""
    least = max(domain.least, -10) if small else max(domain.least, -1e308)
    most = min(domain.most, 10) if small else min(domain.most, 1e308)
    outside = least == domain.least and not domain.includes_least
    return st.floats(least, most, exclude_min=outside)


@pytest.mark.parametrize(("loss", "link"), LINKS)
@examples(25)
@given(data=st.data())
def test_each_loss_trains_on_targets_in_its_domain(loss, link, data):
    domain = LOSSES[loss][link].domain
    X = data.draw(tables())
    values = in_domain(domain, small=data.draw(st.booleans()))
    y = data.draw(hnp.arrays(np.float64, len(X), elements=values, fill=st.nothing()))
    model = regressor(loss, link, **data.draw(SOLVER_PARAMS))
    least, most = RANGES.get(link, (-np.inf, np.inf))
    is_tame = all(1e-4 < np.abs(a, dtype=float) < 1e4 for a in (*X.flat, *y) if a)
    message = refusal(model.fit, X, y) or refusal(model.predict, X)
    assert not (message and is_tame), message
    if not message:
        predicted = model.predict(X)
        assert np.isfinite(predicted).all()
        assert (predicted >= least).all()
        assert (predicted <= most).all()
        if link == "increments":
            assert (np.diff(predicted, axis=1) >= 0).all()


@pytest.mark.parametrize(("loss", "link"), LINKS)
def test_each_loss_refuses_a_target_outside_its_domain(loss, link):
    domain = LOSSES[loss][link].domain
    for outside in (domain.least - 1, domain.least, domain.most + 1):
        if np.isfinite(outside) and not domain.accepts(np.array([outside])):
            y = np.array([0.5, outside, 0.5])
            with pytest.raises(ValueError, match=f"y must be {domain.words} with loss={loss!r}"):
                regressor(loss, link).fit(np.eye(3), y)
