"""Streams that cannot be used: each error says which batch, what was got, and what to do."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.base import clone

from sknet import MLPBackpropClassifier, MLPBackpropRegressor
from sknet._table import schema
from tests.marks import ignore_convergence
from tests.streaming.common import MIXED, NUMBERS, THREE, TWO, WEIGHTS, N, Y, factory, parameters

pytestmark = ignore_convergence
BUFFER = 1000


def network(cls=MLPBackpropRegressor, **params):
    return cls(**{"hidden_layer_sizes": (4,), "max_iter": 2, "random_state": 0, **params})


def of_batches(*batches):
    return lambda: iter(batches)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (iter([(NUMBERS, Y)]), "got a tuple_iterator|got a list_iterator"),
        ([(NUMBERS, Y)], "got a list"),
        ((batch for batch in [(NUMBERS, Y)]), "got a generator"),
        (None, "got a NoneType"),
    ],
)
def test_a_factory_must_be_a_function(value, words):
    with pytest.raises(TypeError, match=words) as caught:
        network().fit_batches(value)
    assert "pass a function that opens it anew" in str(caught.value)


def test_a_factory_must_return_an_iterator():
    with pytest.raises(TypeError, match=r"must return an iterator over \(X, y\).*got an int"):
        network().fit_batches(lambda: 3)


def test_a_factory_must_not_return_the_same_iterator():
    batches = factory(NUMBERS, Y)()
    with pytest.raises(ValueError, match=r"the same iterator in pass 2.*opens it anew"):
        network().fit_batches(lambda: batches, buffer_rows=BUFFER)


@pytest.mark.parametrize("batches", [(), ((NUMBERS[:0], Y[:0]),)], ids=["none", "no rows"])
def test_an_empty_stream(batches):
    with pytest.raises(ValueError, match="The stream is empty"):
        network().fit_batches(of_batches(*batches))


@pytest.mark.parametrize("buffer_rows", [BUFFER, N])
def test_batches_without_rows_are_skipped(buffer_rows):
    def batches():
        yield NUMBERS[:0], Y[:0]
        for batch in factory(NUMBERS, Y)():
            yield batch
            yield NUMBERS[:0], Y[:0]

    ours = network().fit_batches(batches, buffer_rows=buffer_rows)
    oracle = network().fit_batches(factory(NUMBERS, Y), buffer_rows=buffer_rows)
    for own, expected in zip(parameters(ours), parameters(oracle), strict=True):
        np.testing.assert_array_equal(own, expected)


BAD = {
    "no tuple": (NUMBERS[:5], r"must be a tuple \(X, y\)"),
    "one entry": ((NUMBERS[:5],), "of length 1"),
    "lengths": ((NUMBERS[:5], Y[:4]), "X has 5 rows, y has 4"),
    "columns": ((NUMBERS[:5, :3], Y[:5]), "3 features"),
    "one dimension": ((NUMBERS[0], Y[:4]), "2-d"),
    "weights": ((NUMBERS[:5], Y[:5], WEIGHTS[:5]), "sample_weight, and the first batch has not"),
    "a frame": ((pd.DataFrame(NUMBERS[:5]), Y[:5]), "a DataFrame, and an ndarray in the first"),
    "missing y": ((NUMBERS[:5], None), "y"),
    "NaN in y": ((NUMBERS[:5], np.full(5, np.nan)), "y"),
    "two columns of y": ((NUMBERS[:5], np.ones((5, 2))), "y has the shape"),
    "negative weight": ((NUMBERS[:5], Y[:5], -np.ones(5)), "Negative"),
    "infinity": ((np.full((5, 4), np.inf), Y[:5]), "infinity"),
    "sparse": ((scipy.sparse.csr_matrix(np.ones((5, 4))), Y[:5]), "csr_matrix|sparse"),
}


@pytest.mark.parametrize(("batch", "words"), BAD.values(), ids=BAD)
@pytest.mark.parametrize("buffer_rows", [2, N])
def test_a_bad_batch_is_named(batch, words, buffer_rows):
    model = network(batch_size=2, early_stopping=False)
    with pytest.raises(ValueError, match=words) as caught:
        model.fit_batches(
            of_batches((NUMBERS[:5], Y[:5]), (NUMBERS[5:9], Y[5:9]), batch), buffer_rows=buffer_rows
        )
    if words != "infinity" or buffer_rows == 2:
        assert "Batch 3 of the stream" in str(caught.value)
    assert not hasattr(model, "coefs_")
    assert not hasattr(model, "n_features_in_")


def test_columns_of_a_frame_must_stay():
    batches = of_batches((MIXED[:50], Y[:50]), (MIXED[50:99].rename(columns={"a": "z"}), Y[50:99]))
    with pytest.raises(ValueError, match="Batch 2 of the stream: The feature names"):
        network().fit_batches(batches)


def test_a_column_must_not_be_text_in_some_batches_and_numbers_in_others():
    first, second = MIXED[:50], MIXED[50:99].assign(group=np.arange(49.0))
    with pytest.raises(ValueError, match=r"Batch 2 .*'group' of X is numbers here, and a category"):
        network().fit_batches(of_batches((first, Y[:50]), (second, Y[50:99])))


def test_levels_must_be_of_one_kind():
    first = pd.DataFrame({"a": pd.Categorical(["x", "y"] * 20)})
    second = pd.DataFrame({"a": pd.Categorical([1, 2] * 20)})
    with pytest.raises(ValueError, match=r"Batch 2 .*'a' of X holds numbers and text"):
        network().fit_batches(of_batches((first, Y[:40]), (second, Y[:40])))


def test_labels_must_be_of_one_kind():
    batches = of_batches((NUMBERS[:50], TWO[:50]), (NUMBERS[50:99], THREE[50:99]))
    with pytest.raises(ValueError, match=r"Batch 2 .*y holds text here, and numbers"):
        network(MLPBackpropClassifier).fit_batches(batches)


def test_text_that_is_numbers_or_identifiers_is_told_by_all_batches():
    """A batch of few rows looks like identifiers; all of them do not, or the other way round."""
    rng = np.random.default_rng(0)
    levels = rng.choice([f"level {k}" for k in range(40)], 900)
    X = pd.DataFrame({"a": NUMBERS[:900, 0], "g": levels})
    ours = network().fit_batches(factory(X, Y[:900], size=30), buffer_rows=500)
    assert ours.input_encoding_["encoding"].tolist()[1] != "left out"
    X["g"] = [f"id-{k}" for k in range(900)]
    with pytest.warns(UserWarning, match=r"'g' of X is left out.*900 values"):
        network().fit_batches(factory(X, Y[:900], size=30), buffer_rows=500)
    X["g"] = [f"{k}.5" for k in range(900)]
    with pytest.raises(ValueError, match="most of its values are numbers"):
        network().fit_batches(factory(X, Y[:900], size=30), buffer_rows=500)


def changing(change, at=2, y=Y):
    """A factory whose pass number `at` yields what ``change(X, y)`` returns."""
    calls = []

    def batches():
        calls.append(0)
        yield from factory(*(change(NUMBERS, y) if len(calls) >= at else (NUMBERS, y)))()

    return batches


CHANGES = {
    "fewer rows": (lambda X, y: (X[:-7], y[:-7]), 2, "has yielded 2993 rows, the first one 3000"),
    "more rows": (lambda X, y: (np.r_[X, X[:9]], np.r_[y, y[:9]]), 2, "3009 rows"),
    "other values": (lambda X, y: (X + 1.0, y), 3, "are not those of the passes before"),
    "other order": (lambda X, y: (X[::-1], y[::-1]), 4, "come in another order"),
    "fewer rows in an epoch": (lambda X, y: (X[:-7], y[:-7]), 9, "2993 rows"),
    "no rows": (lambda X, y: (X[:0], y[:0]), 3, "yielded 0 rows"),
}


@pytest.mark.parametrize(("change", "at", "words"), CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_stream_that_changes_between_passes(change, at, words, solver):
    model = network(solver=solver, max_iter=9)
    with pytest.raises(ValueError, match=words) as caught:
        model.fit_batches(changing(change, at), buffer_rows=BUFFER)
    assert "The stream has changed" in str(caught.value)
    assert not hasattr(model, "coefs_")


def test_a_class_that_only_a_later_pass_has():
    def change(X, y):
        return X, np.where(np.arange(N) == 2000, "new", y)

    with pytest.raises(ValueError, match=r"Batch 6 .*The stream has changed.*'new'|new"):
        network(MLPBackpropClassifier).fit_batches(changing(change, 2, THREE), buffer_rows=BUFFER)


def test_a_class_that_only_the_validation_rows_have():
    with pytest.raises(ValueError, match="y_val"):
        network(MLPBackpropClassifier).fit_batches(
            factory(NUMBERS, THREE), X_val=NUMBERS[:9], y_val=["new"] * 9, buffer_rows=BUFFER
        )


def test_errors_of_the_factory_are_its_own():
    def batches():
        yield NUMBERS[:500], Y[:500]
        raise OSError("the file is gone")

    with pytest.raises(OSError, match="the file is gone"):
        network().fit_batches(batches)


@pytest.mark.parametrize("buffer_rows", [0, -1, 2.5, True, "all", None])
def test_buffer_rows_is_checked(buffer_rows):
    with pytest.raises(ValueError, match="buffer_rows must be an int of at least 1, got"):
        network().fit_batches(factory(NUMBERS, Y), buffer_rows=buffer_rows)


def test_a_buffer_holds_at_least_a_batch():
    with pytest.raises(ValueError, match="buffer_rows=100 is less than a batch, batch_size=200"):
        network(batch_size=200).fit_batches(factory(NUMBERS, Y), buffer_rows=100)


@pytest.mark.parametrize("buffer_rows", [BUFFER, N])
def test_cross_fitting_is_refused(buffer_rows):
    with pytest.raises(ValueError, match=r"'cv'.*must be None in fit_batches.*Use fit"):
        network(cv=3).fit_batches(factory(NUMBERS, Y), buffer_rows=buffer_rows)


@pytest.mark.parametrize("buffer_rows", [BUFFER, N])
def test_weights_of_zero_alone(buffer_rows):
    with pytest.raises(ValueError, match="at least one non-zero"):
        network().fit_batches(factory(NUMBERS, Y, np.zeros(N)), buffer_rows=buffer_rows)


def test_a_failure_leaves_the_estimator_as_it_was():
    model = network().fit_batches(factory(NUMBERS, Y), buffer_rows=BUFFER)
    before = dict(vars(model))
    with pytest.raises(ValueError, match="The stream has changed"):
        model.fit_batches(changing(CHANGES["other values"][0], 5), buffer_rows=BUFFER)
    assert vars(model) == before
    assert clone(model).get_params() == model.get_params()


def test_identifiers_are_not_collected_without_end(monkeypatch):
    """Memory stays bounded: no more values are kept than tell what the column is."""
    monkeypatch.setattr(schema, "MOST_LEVELS", 100)
    kept = []
    merge = schema.FoundColumns.merge

    def watched(self, other):
        found = merge(self, other)
        kept.append(len(found.counts[1]))
        return found

    monkeypatch.setattr(schema.FoundColumns, "merge", watched)
    X = pd.DataFrame({"a": NUMBERS[:, 0], "g": [f"id-{k}" for k in range(N)]})
    with pytest.warns(UserWarning, match="'g' of X is left out"):
        network().fit_batches(factory(X, Y, size=90), buffer_rows=500)
    assert max(kept) == 180
    kept.clear()
    ours = network(categorical_features=["g"]).fit_batches(
        factory(X, Y, size=90), buffer_rows=500
    )  # it is named, so that all are levels
    assert max(kept) == N
    assert ours.input_encoding_["encoding"][1] != "left out"
