"""Files of Python on numpy alone, against the estimators from which they were made."""

import inspect
import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknet._engine.activations import ACTIVATIONS
from sknet._engine.links import LINKS
from sknet._export import numpy_parts, python_file
from sknet._table.encodings import ENCODINGS
from sknet.export import to_python
from tests.export.common import classifier, label, number, regressor
from tests.export.models import MODELS, NUMBERS, ROWS, TABLE, rows_for
from tests.marks import ignore_convergence, unknown_levels

pytestmark = [
    ignore_convergence, unknown_levels,
    pytest.mark.filterwarnings("ignore:.*looks like an identifier"),
]  # fmt: skip


def module(text):
    """The names that the file defines."""
    names = {"__name__": "exported"}
    exec(compile(text, "exported.py", "exec"), names)
    return names


def assert_equal_predictions(model, names, X):
    expected = model.predict(X)
    if hasattr(model, "classes_"):
        assert_allclose(names["predict_proba"](X), model.predict_proba(X), rtol=0, atol=1e-6)
        assert_array_equal(names["predict"](X), expected)
        assert names["predict"](X).dtype == expected.dtype
    else:
        scale = np.abs(expected).max()
        assert_allclose(names["predict"](X), expected, rtol=0, atol=1e-6 * scale)


@pytest.mark.parametrize("name", MODELS)
def test_the_file_predicts_what_the_estimator_predicts(name):
    model, X, y = MODELS[name]
    names = module(to_python(model.fit(X, y)))
    assert names["test"]() <= 1e-6
    assert_equal_predictions(model, names, rows_for(X))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_is_written(activation):
    model = regressor(activation=activation).fit(NUMBERS, number(TABLE))
    assert_equal_predictions(model, module(to_python(model)), NUMBERS)


def test_every_part_has_a_function():
    functions = {name for name, own in vars(numpy_parts).items() if inspect.isfunction(own)}
    assert functions >= ACTIVATIONS.keys() | LINKS.keys()
    assert python_file.ENCODINGS.keys() == ENCODINGS.keys() - {"embedding", "left out"}


def test_the_file_needs_numpy_alone(tmp_path):
    """It runs where nothing else can be imported, and finds its own rows to be right."""
    model = classifier(max_onehot=2, n_members=2).fit(TABLE, label(TABLE))
    file = tmp_path / "model.py"
    file.write_text(to_python(model), encoding="utf-8")
    hidden = "scipy", "sklearn", "pandas", "joblib", "sknet", "threadpoolctl", "numba"
    code = (
        f"import sys, runpy; sys.modules.update(dict.fromkeys({hidden!r}));"
        f"runpy.run_path({str(file)!r}, run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("15 rows are predicted as by the estimator, up to ")


def test_the_file_notices_a_wrong_weight():
    model = regressor(hidden_layer_sizes=(4,)).fit(NUMBERS, number(TABLE))
    model.intercepts_[-1] += 0.1
    wrong = to_python(model)
    model.intercepts_[-1] -= 0.1
    expected = to_python(model).split("EXPECTED = ")[1]
    with pytest.raises(AssertionError):
        module(wrong.split("EXPECTED = ")[0] + "EXPECTED = " + expected)["test"]()


def test_rows_are_read_from_any_container():
    polars = pytest.importorskip("polars")
    X = TABLE[["plain number", "with gaps", "few", "flag"]]
    model = classifier().fit(X, label(TABLE))
    names, rows = module(to_python(model)), X.head(20)
    expected = model.predict_proba(rows)
    columns = {name: values.tolist() for name, values in rows.items()}
    nullable = rows.convert_dtypes()
    for same in (
        rows, columns, rows.to_numpy(dtype=object), rows.to_numpy(dtype=object).tolist(), nullable,
        polars.DataFrame(columns, strict=False),
    ):  # fmt: skip
        assert_allclose(names["predict_proba"](same), expected, rtol=0, atol=1e-6)


def test_no_row_of_the_training_data_is_in_the_file():
    X = np.random.default_rng(0).normal(size=(300, 3))
    names = module(to_python(regressor().fit(X, X[:, 0])))
    assert not np.isin(np.array(names["ROWS"]), X).all(axis=1).any()


def test_searches_are_written_and_other_estimators_refused():
    search = GridSearchCV(regressor(), {"hidden_layer_sizes": [(4,), (8,)]}, cv=2)
    search.fit(NUMBERS, number(TABLE))
    assert_equal_predictions(search.best_estimator_, module(to_python(search)), NUMBERS)
    with pytest.raises(NotFittedError):
        to_python(classifier())
    with pytest.raises(TypeError, match=r"got Pipeline\. Of a Pipeline, pass the last step"):
        to_python(make_pipeline(StandardScaler(), classifier()).fit(NUMBERS, label(TABLE)))


def test_missing_and_unknown_levels_are_treated_as_by_the_estimator():
    model = classifier().fit(TABLE, label(TABLE))
    rows = ROWS.astype(object).where(ROWS.notna(), None)
    found = module(to_python(model))["predict_proba"](rows.to_numpy(dtype=object).tolist())
    assert_allclose(found, model.predict_proba(ROWS), rtol=0, atol=1e-6)
