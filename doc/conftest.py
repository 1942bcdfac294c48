"""The snippets of these pages are run as tests, and so are the rows of columns.rst."""

import datetime
import re
import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

collect_ignore = ["conf.py", "fit_csv.py", "auto_examples", "generated"]  # not tests
if find_spec("sklearn.callback") is None:  # before scikit-learn 1.9
    collect_ignore += ["training.rst"]


@pytest.fixture(autouse=True)
def _check_table(doctest_namespace):
    doctest_namespace["check_table"] = check_table
    doctest_namespace["check_auto_values"] = check_auto_values


def check_auto_values():
    """Compare the tables of defaults.rst with what an estimator resolves."""
    from sknet import MLPBackpropClassifier, MLPBackpropRegressor, _params
    from sknet._training.auto import Facts, resolved

    text = (Path(__file__).parent / "defaults.rst").read_text(encoding="utf-8")
    cases = [(60, "adamw"), (500, "adamw"), (5000, "adamw"), (200_000, "adamw"), (5000, "sgd")]
    for name, cls in (("classifier", MLPBackpropClassifier), ("regressor", MLPBackpropRegressor)):
        table = text.split(f"\n{name}")[1].split("\n\n")[0]
        rows = re.findall(r"^``(\w+)`` +(.+)$", table, re.MULTILINE)
        assert len(rows) > 3
        for k, (n_rows, solver) in enumerate(cases):
            model = cls(solver=solver)
            p = _params.check(model, model._losses)
            _, chosen = resolved(p, Facts(n_rows, name == "classifier"))
            for parameter, values in rows:
                assert repr(chosen[parameter]) == re.split(" {2,}", values.strip())[k], parameter


def check_table(heading):
    """Do what each row of the table under a heading says, and compare."""
    import pandas as pd

    text = (Path(__file__).parent / "columns.rst").read_text(encoding="utf-8")
    section = re.split(rf"\n{re.escape(heading)}\n-+\n", text)[1].split("\n..\n")[0]
    table = re.findall(r"   \* - ``(.+?)``\n     - (.+)", section)
    assert len(table) == section.count("   * - ") - 1 > 3, "a row is not of the form of the others"
    n = 1000
    x = np.random.default_rng(0).normal(size=n)
    names = {"np": np, "pd": pd, "datetime": datetime, "n": n, "rows": range(n), "x": x}
    names["days"] = pd.date_range("2000-01-01", periods=n)
    for given, happens in table:
        outcome, messages = OUTCOMES[heading](eval(given, names), x)
        kind = re.match(r'encoded as "[^"]+"|classes \[[^]]*\]|\w+', happens)
        said = re.findall(r'"(.+?)"', happens[kind.end() :])
        assert outcome == kind[0], f"{given}: {outcome} {messages}"
        for words in said:
            assert any(words in message for message in messages), f"{given}: {messages}"
        assert len(messages) == len(said), f"{given}: {messages}"


def outcome_of(call):
    """Return what a call says of its result, or "error", and the messages."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", ConvergenceWarning)
        try:
            outcome, error = call(), []
        except (ValueError, TypeError) as raised:
            outcome, error = "error", [str(raised)]
    return outcome, error + [str(warning.message) for warning in caught]


def frame(x, column):
    import pandas as pd

    return pd.DataFrame({"x": x, "column": column})


def regressor(**params):
    from sknet import MLPBackpropRegressor

    return MLPBackpropRegressor((3,), max_iter=1, random_state=0, **params)


def encoded(column, x):
    def call():
        encoding = regressor().fit(frame(x, column), x).input_encoding_["encoding"].iloc[-1]
        return f'encoded as "{encoding}"'

    return outcome_of(call)


def predicted(columns, x):
    def call():
        regressor().fit(frame(x, columns[0]), x).predict(frame(x, columns[1]))
        return "predicted"

    return outcome_of(call)


def classified(y, x):
    from sknet import MLPBackpropClassifier

    def call():
        model = MLPBackpropClassifier((3,), max_iter=1, random_state=0).fit(x[:, None], y)
        return f"classes {model.classes_.tolist()}".replace("'", '"')

    return outcome_of(call)


def regressed(y, x):
    y, params = y if isinstance(y, tuple) else (y, {})

    def call():
        regressor(**params).fit(x[:, None], y).predict(x[:, None])
        return "fitted"

    return outcome_of(call)


OUTCOMES = {
    "A column of X": encoded,
    "A column of X in a prediction": predicted,
    "y of a classifier": classified,
    "y of a regressor": regressed,
}
