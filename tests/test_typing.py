"""What the annotations promise to type checkers is what there is; ``.ci/run`` runs the checkers."""

import ast
import inspect
from types import UnionType
from typing import get_args, get_origin, get_type_hints

import numpy as np
import pandas as pd
import pytest

from sknet._types import Typed
from tests.marks import each_estimator, ignore_convergence
from tests.networks import first_classes, network_maker
from tests.typing import user_script

pytestmark = ignore_convergence
network = network_maker(sizes=(3,))
X = pd.DataFrame({
    "a": np.random.default_rng(0).normal(size=90), "b": list("uvwxyzstr") * 10,
})  # fmt: skip
Y = np.arange(90) % 3


def holds(value, hint):
    """Whether a value is of an annotated type."""
    if isinstance(hint, UnionType):
        return any(holds(value, part) for part in get_args(hint))
    if get_origin(hint) is list:
        return isinstance(value, list) and all(holds(item, get_args(hint)[0]) for item in value)
    if get_origin(hint) is dict:
        return isinstance(value, dict)
    if get_origin(hint) is np.ndarray or hint is np.ndarray:
        return isinstance(value, np.ndarray)
    return type(value) is hint or (hint is type(None) and value is None)


@pytest.mark.filterwarnings("ignore:The first call of partial_fit saw")
@each_estimator
@pytest.mark.parametrize(
    "params", [{}, {"early_stopping": True}, {"n_members": 2, "embedding_dim": 2, "max_onehot": 0}]
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_fitted_attributes_are_of_the_annotated_types(cls, params, method):
    model = network(cls, **params)
    more = first_classes(model, Y) if method == "partial_fit" else {}
    getattr(model, method)(X, Y, **more)
    hints = get_type_hints(cls)
    fitted = [name for name in vars(model) if name.endswith("_") and not name.startswith("_")]
    assert set(fitted) <= set(hints)
    for name in fitted:
        assert holds(getattr(model, name), hints[name]), name
    elsewhere = {"input_encoding_", "oof_prediction_", "oof_score_", "fold_", "temperature_"}
    assert {name for name in hints if name.endswith("_")} - set(fitted) <= elsewhere


@each_estimator
def test_attributes_of_cross_fitting_are_of_the_annotated_types(cls):
    model = network(cls, cv=3, early_stopping=True).fit(X, Y)
    for name in ("oof_prediction_", "oof_score_", "fold_"):
        assert holds(getattr(model, name), get_type_hints(cls)[name]), name


@each_estimator
def test_public_methods_and_parameters_are_annotated(cls):
    public = [
        method
        for name, method in inspect.getmembers(cls, inspect.isfunction)
        if method.__module__.startswith("sknet") and (name == "__init__" or name[0] != "_")
    ]
    assert len(public) > 5
    for method in public:
        signature = inspect.signature(method)
        assert signature.return_annotation is not signature.empty, method
        for parameter in list(signature.parameters.values())[1:]:
            assert parameter.annotation is not signature.empty, (method, parameter)


@each_estimator
def test_methods_of_scikit_learn_that_are_declared_exist(cls):
    """They are declared for type checkers alone, so that they are read from the source."""
    body = ast.parse(inspect.getsource(Typed)).body[0].body[-1].body
    declared = [method.name for method in body]
    assert len(declared) > 5
    assert all(hasattr(cls, name) for name in declared)


def test_the_script_that_type_checkers_read_runs(capsys):
    user_script.main()
    assert capsys.readouterr().out
