"""Text that is really numbers, dates or identifiers; and text that is a category."""

import pickle
import warnings
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV

from tests.marks import ignore_convergence
from tests.networks import network_maker, reloaded
from tests.plain import MLPBackpropRegressor

pytestmark = ignore_convergence
N = 1000
RNG = np.random.default_rng(0)
AMOUNTS = np.exp(RNG.normal(7.0, 1.5, N)).round(2)
NORMAL = RNG.normal(0.0, 100.0, N).round(2)
WHOLE = RNG.integers(0, 1200, N)
DAYS = [datetime(2018, 1, 1, 6, 5) + timedelta(days=int(k), hours=int(k) % 12) for k in WHOLE]
Y = RNG.normal(size=N)
OTHER = RNG.normal(size=N)
network = network_maker(MLPBackpropRegressor, (3,), max_iter=1)


def every(step, value, values):
    """Replace every so many values."""
    return [value if k % step == 1 else v for k, v in enumerate(values)]


def as_written(numbers, decimals):
    return [float(f"{v:.{decimals}f}") for v in numbers]


def german(text):
    return text.translate(str.maketrans(",.", ".,"))


#: Text, and the numbers that the advised line makes of it; NaN where a value is no number.
NUMBERS = {
    "dollars": ([f"${v:,.2f}" for v in AMOUNTS], AMOUNTS),
    "euros after": ([f"{german(f'{v:,.2f}')} €" for v in AMOUNTS], AMOUNTS),
    "whole euros": ([f"{german(f'{v:,.0f}')} €" for v in AMOUNTS], as_written(AMOUNTS, 0)),
    "pounds": ([f"£{v:.2f}" for v in AMOUNTS], AMOUNTS),
    "USD": ([f"USD {v:,.0f}" for v in AMOUNTS], as_written(AMOUNTS, 0)),
    "minus dollars": ([f"{'-' if v < 0 else ''}${abs(v):,.2f}" for v in NORMAL], NORMAL),
    "thousands": ([f"{v:,.0f}" for v in AMOUNTS], as_written(AMOUNTS, 0)),
    "by blanks": ([f"{v:_.0f}".replace("_", " ") for v in AMOUNTS], as_written(AMOUNTS, 0)),
    "by narrow blanks": ([f"{v:,.2f}".replace(",", "\u202f") for v in AMOUNTS], AMOUNTS),
    "thousands by quotes": ([f"{v:,.2f}".replace(",", "'") for v in AMOUNTS], AMOUNTS),
    "thousands by dots": ([german(f"{v:,.2f}") for v in AMOUNTS], AMOUNTS),
    "kg": ([f"{v:.1f} kg" for v in NORMAL], as_written(NORMAL, 1)),
    "km/h": ([f"{v}km/h" for v in WHOLE], WHOLE),
    "m2": ([f"{v:.1f} m2" for v in AMOUNTS], as_written(AMOUNTS, 1)),
    "degrees": ([f"{v:.1f} °C" for v in NORMAL], as_written(NORMAL, 1)),
    "few percents": ([f"{v % 40}%" for v in WHOLE], WHOLE % 40),
    "percents": ([f"{v:.2f} %" for v in NORMAL], NORMAL),
    "decimal commas": ([german(f"{v:.1f}") for v in NORMAL], as_written(NORMAL, 1)),
    "three decimals": ([german(f"{v / 1000:.3f}") for v in NORMAL], as_written(NORMAL / 1000, 3)),
    "whole, two '?'": (every(500, "?", map(str, WHOLE)), every(500, np.nan, WHOLE)),
    "whole, 60 % '?'": (
        [str(v) if k % 5 < 2 else "?" for k, v in enumerate(WHOLE)],
        [v if k % 5 < 2 else np.nan for k, v in enumerate(WHOLE)],
    ),
    "whole, unknown": (every(9, "unknown", map(str, WHOLE)), every(9, np.nan, WHOLE)),
    "decimals, ''": (every(3, "", map(str, NORMAL)), every(3, np.nan, NORMAL)),
    "decimals, None": (every(3, None, map(str, NORMAL)), every(3, np.nan, NORMAL)),
    "decimals, a word": (every(20, "broken", map(str, NORMAL)), every(20, np.nan, NORMAL)),
    "scientific": ([f"{v:.3e}" for v in NORMAL], [float(f"{v:.3e}") for v in NORMAL]),
    "parentheses": ([f"({-v:.2f})" if v < 0 else f"{v:.2f}" for v in NORMAL], NORMAL),
    "dollars in them": ([f"(${-v:,.2f})" if v < 0 else f"${v:,.2f}" for v in NORMAL], NORMAL),
    "trailing minus": ([f"{abs(v):.2f}{'-' if v < 0 else ''}" for v in NORMAL], NORMAL),
    "long minus": ([f"{v:.2f}".replace("-", "−") for v in NORMAL], NORMAL),
    "blanks around": ([f" {v:.2f} " for v in NORMAL], NORMAL),
}  # fmt: skip
#: Formats by which dates are written, and the one that the message shows.
DATES = [
    "%Y-%m-%d", "%m/%d/%Y", "%d.%m.%Y", "%Y/%m/%d", "%b %d, %Y", "%B %d, %Y", "%d %B %Y",
    "%d-%b-%Y", "%d/%m/%Y", "%m/%d/%y", "%Y%m%d", "%Y-%m", "%b %Y", "%m/%Y", "%a, %d %b %Y",
    "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z", "%m/%d/%Y %H:%M",
    "%m/%d/%Y %I:%M %p", "%d.%m.%Y %H:%M", "%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%d %H:%M:%S %z",
]  # fmt: skip
CATEGORIES = {
    "few codes": [str(1 + k % 3) for k in range(N)],
    "codes": [str(1 + k % 30) for k in range(N)],
    "codes as floats": [f"{1 + k % 30}.0" for k in range(N)],
    "codes, '?'": every(7, "?", [str(1 + k % 8) for k in range(N)]),
    "ZIP codes": [f"{10000 + 37 * (k % 400)}" for k in WHOLE],
    "ZIP codes with zeros": [f"{531 + 137 * (k % 400):05d}" for k in WHOLE],
    "years": [str(1900 + k % 120) for k in range(N)],
    "few sizes": [f"{250 * (1 + k % 6)} ml" for k in range(N)],
    "sizes of several units": [f"{1 + k % 20} {['g', 'kg', 'ml', 'l'][k % 4]}" for k in range(N)],
    "seats": [f"{1 + k % 30}{'ABCDEF'[k % 6]}" for k in range(N)],
    "months": [DAYS[k].strftime("%B") for k in range(N)],
    "weekdays": [DAYS[k].strftime("%a") for k in range(N)],
    "ranges": [f"{10 * (k % 12)}-{10 * (k % 12) + 9}" for k in range(N)],
    "versions": [f"1.{k % 5}.{k % 7}" for k in range(N)],
    "streets": [f"street {k % 200}" for k in range(N)],
    "names with a digit": [f"{k % 150}th Avenue" for k in range(N)],
    "few dates": [f"2020-01-{1 + k % 10:02d}" for k in range(N)],
    "ICD codes": [f"{'AVE'[k % 3]}{k % 90}.{k % 4}" for k in range(N)],
}  # fmt: skip
IDENTIFIERS = {
    "numbered": [f"customer-{k}" for k in range(N)],
    "mail": [f"user{k}@example.org" for k in range(N)],
    "hexadecimal": [f"{k * 7919 + 2**40:x}-{k:04x}" for k in range(N)],
    "account numbers": [f"{10**9 + 7919 * k}" for k in range(N)],
    "half missing": [f"user{k}@example.org" if k % 2 else None for k in range(N)],
    "a few twice": [f"id_{k // 2 * 2 if k % 25 == 0 else k}" for k in range(N)],
}  # fmt: skip


def object_frame(values):
    return pd.DataFrame({"o": OTHER, "c": pd.Series(values, dtype=object)})


def string_frame(values):
    return pd.DataFrame({"o": OTHER, "c": pd.Series(values, dtype="string")})


def str_frame(values):
    return pd.DataFrame({"o": OTHER, "c": values})


def polars_frame(values):
    polars = pytest.importorskip("polars")
    return polars.DataFrame({"o": OTHER, "c": list(values)})


def object_array(values):
    return np.array([OTHER.tolist(), values], dtype=object).T


CONTAINERS = {
    "object": object_frame, "string": string_frame, "str": str_frame, "polars": polars_frame,
    "array": object_array,
}  # fmt: skip


def refused(X, y=Y, **params):
    """Return the message of the error; no value of the column may be in it."""
    with pytest.raises(ValueError, match=r"^Column ('c'|1) of X") as error:
        network(**params).fit(X, y)
    return str(error.value)


def run(message, X):
    """Run the lines that the message shows; return the X that they make."""
    scope = {"pandas": pd, "X": X.copy() if hasattr(X, "copy") else X}
    if type(X).__module__.startswith("polars"):
        scope["polars"] = pytest.importorskip("polars")
    lines = [line.strip() for line in message.splitlines() if line.startswith("  ")]
    exec("\n".join(lines), scope)
    return scope["X"]


def column_of(X, name):
    names = list(X.columns)
    return np.asarray(X[name if name in names else names[1]], dtype=float)


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("case", NUMBERS)
def test_numbers_as_text_are_an_error_whose_line_makes_numbers(case, container):
    values, expected = NUMBERS[case]
    X = CONTAINERS[container](values)
    message = refused(X)
    assert "most of its values are numbers" in message
    assert not any(value and len(value) > 3 and value in message for value in values)
    made = run(message, X)
    np.testing.assert_allclose(column_of(made, "c"), np.asarray(expected, float), atol=1e-9)
    assert network().fit(made, Y).input_encoding_["kind"].tolist() == ["number", "number"]


def written(form):
    days = [day.replace(tzinfo=None) for day in DAYS]
    return [day.strftime(form.replace("%z", "+0100")) for day in days]


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("form", DATES)
def test_dates_as_text_are_an_error_whose_lines_make_numbers(form, container):
    X = CONTAINERS[container](every(50, "unknown", every(40, "", written(form))))
    message = refused(X)
    assert "holds dates or times" in message
    assert form.split("%")[1] in message
    assert repr(form) in message
    made = run(message, X)
    name = "1" if container == "array" else "c"
    there = np.array([k % 40 != 1 and k % 50 != 1 for k in range(N)])
    present = [day for day, is_there in zip(DAYS, there, strict=True) if is_there]
    years = column_of(made, f"{name}_year")
    np.testing.assert_array_equal(np.isnan(years), ~there)
    np.testing.assert_array_equal(years[there], [d.year for d in present])
    if "%d" in form and "%z" not in form:
        days = column_of(made, made.columns[3])
        expected = [d.timetuple().tm_yday for d in present]
        np.testing.assert_array_equal(days[there], expected)
    assert set(network().fit(made, Y).input_encoding_["kind"]) == {"number"}


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([f"{d.year}Q{1 + (d.month - 1) // 3}" for d in DAYS], "quarter"),
        ([f"Q{1 + (d.month - 1) // 3} {d.year}" for d in DAYS], "quarter"),
        ([d.strftime("%G-W%V") for d in DAYS], "week"),
        ([f"{k % 24:02d}:{k % 60:02d}" for k in WHOLE], "%H:%M"),
        ([f"{k % 24:02d}:{k % 60:02d}:{k % 60:02d}" for k in WHOLE], "%H:%M:%S"),
        ([d.isoformat() if d.day % 2 else d.date().isoformat() for d in DAYS], "%Y-%m-%d"),
        ([d.isoformat() + "Z" for d in DAYS], "%Y-%m-%dT%H:%M:%S%z"),
        ([f"{d.month}/{d.day}/{d.year} {d.hour}:{d.minute:02d}" for d in DAYS], "%m/%d/%Y %H:%M"),
    ],
)  # fmt: skip
def test_other_times_as_text_are_an_error_whose_lines_make_numbers(values, shown, container):
    X = CONTAINERS[container](every(100, "", values))
    message = refused(X)
    assert repr(shown) in message
    made = run(message, X)
    model = network().fit(made, Y)
    assert set(model.input_encoding_["kind"]) == {"number"}
    assert (model.input_encoding_["missing"][1:3] == N / 100 / N).all()
    assert (model.input_encoding_["scale"] > 0).all()


@pytest.mark.parametrize("container", ["object", "string", "str", "polars"])
@pytest.mark.parametrize("case", CATEGORIES)
def test_categories_stay_categories(case, container):
    X = CONTAINERS[container](CATEGORIES[case])
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = network().fit(X, Y)
    assert model.input_encoding_["kind"].tolist() == ["number", "category"]
    assert model.input_encoding_["encoding"][1] != "left out"


@pytest.mark.parametrize("container", CONTAINERS)
def test_columns_that_are_named_or_of_a_categorical_dtype_are_categories(container):
    for values in (NUMBERS["dollars"][0], written("%m/%d/%Y"), IDENTIFIERS["mail"]):
        X = CONTAINERS[container](values)
        wanted = [1] if container == "array" else ["c"]
        model = network(categorical_features=wanted).fit(X, Y)
        assert model.input_encoding_["encoding"].tolist() == ["standard", "embedding"]
        listed = str_frame(pd.Categorical(values))
        assert network().fit(listed, Y).input_encoding_["encoding"][1] == "embedding"


@pytest.mark.parametrize("container", ["object", "string", "str", "polars"])
@pytest.mark.parametrize("case", IDENTIFIERS)
def test_identifiers_are_left_out_with_a_warning(case, container):
    values = IDENTIFIERS[case]
    X = CONTAINERS[container](values)
    with pytest.warns(UserWarning, match=r"Column 'c' of X is left out") as record:
        model = network().fit(X, Y)
    messages = [str(w.message) for w in record]
    assert not any(value in message for value in values if value for message in messages)
    assert model.input_encoding_["encoding"].tolist() == ["standard", "left out"]
    assert model.input_encoding_["engine_columns"].tolist() == [[0], []]
    missing = np.mean([value is None for value in values])
    assert model.input_encoding_["missing"].tolist() == [0.0, missing]
    assert model.coefs_[0].shape == (1, 3)
    assert next(v for v in values[1:]).encode() not in pickle.dumps(model)
    line = (
        next(m for m in messages if "Drop it" in m).partition("Drop it: ")[2].partition(". If")[0]
    )
    scope = {"X": X}
    exec(line, scope)
    plain = network().fit(scope["X"], Y)
    np.testing.assert_array_equal(plain.predict(scope["X"]), model.predict(X))
    np.testing.assert_array_equal(reloaded(model).predict(X), model.predict(X))


@pytest.mark.filterwarnings("ignore:Column 'c' of X is left out")
def test_identifiers_are_left_out_everywhere():
    X = str_frame(IDENTIFIERS["mail"])
    number = X[["o"]]
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "Column 'c'")
        with pytest.raises(UserWarning, match="left out"):
            network().partial_fit(X, Y)
    model = network().partial_fit(X[:500], Y[:500])
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "Column 'c'")
        model.partial_fit(X[500:], Y[500:]).predict(X)
    plain = network().partial_fit(number[:500], Y[:500]).partial_fit(number[500:], Y[500:])
    np.testing.assert_array_equal(model.predict(X), plain.predict(number))

    held = {"X_val": X[800:], "y_val": Y[800:]}
    model = network(early_stopping=True).fit(X[:800], Y[:800], **held)
    assert model.input_encoding_["encoding"][1] == "left out"
    model = clone(model).set_params(early_stopping=False)
    search = GridSearchCV(model, {"alpha": [0.0, 1e-4]}, cv=2)
    assert np.isfinite(search.fit(X, Y).cv_results_["mean_test_score"]).all()
    assert network(hidden_layer_sizes=()).fit(X, Y).transform(X).shape == (N, 1)
    several = X.assign(k=[f"v{k % 30}" for k in range(N)], b=OTHER > 0, d=X["c"] + "x")
    with pytest.warns(UserWarning, match="Column 'd' of X is left out"):
        model = network().fit(several, Y)
    encodings = ["standard", "left out", "embedding", "-1, +1", "left out"]
    assert model.input_encoding_["encoding"].tolist() == encodings
    np.testing.assert_array_equal(reloaded(model).predict(several), model.predict(several))


def test_a_table_of_identifiers_alone_is_an_error():
    X = str_frame(IDENTIFIERS["mail"])[["c"]]
    with pytest.warns(UserWarning, match="left out"), pytest.raises(ValueError, match="No column"):
        network().fit(X, Y)


def test_free_text_is_measured_on_what_is_present():
    values = [f"a sentence of words {k}" if k % 3 == 0 else "unknown" for k in range(N)]
    message = refused(str_frame(values))
    assert "is free text" in message
    assert run(message, str_frame(values)).shape == (N, 21)


def test_text_that_became_numbers_is_explained_at_prediction():
    model = network().fit(str_frame(AMOUNTS), Y)
    X = str_frame(NUMBERS["dollars"][0])
    with pytest.raises(ValueError, match="most of its values are numbers") as error:
        model.predict(X)
    model.predict(run(str(error.value), X))


@pytest.mark.parametrize("form", ["{}A", "c{}", "{}X"])
def test_whole_numbers_of_which_some_have_a_letter_are_codes(form):
    values = [str(k) if k % 11 else form.format(k) for k in range(100, 1300, 6)]
    X = pd.DataFrame({"station": values * 2, "z": np.linspace(0, 1, 400)})
    model = MLPBackpropRegressor((3,), max_iter=2).fit(X, X["z"])
    assert model.input_encoding_["encoding"].tolist() == ["embedding", "standard"]
