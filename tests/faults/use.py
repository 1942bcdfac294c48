"""Parameters, prediction, pickles, and use by several threads, processes and searches."""

import multiprocessing
import pickle
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score

import sknet
from tests.faults.common import (
    BOTH,
    X,
    Y,
    classifier,
    each_estimator,
    fault,
    ignore_convergence,
    network,
    regressor,
    y,
)

# ----------------------------------------------------------------------------------- parameters

INVALID = {
    "hidden_layer_sizes": [-1, 0, (3, 0), (-2,), (1.5,), "10", None, (True,)],
    "activation": ["sigmoid", None, ["relu", "relu"]],
    "solver": ["newton", None],
    "alpha": [-1e-9, np.nan, np.inf, "auto", None],
    "batch_size": [0, -1, 1.5, "all"],
    "learning_rate": ["fast"],
    "learning_rate_init": [0, -1, np.nan, None],
    "power_t": [-0.1],
    "max_iter": [0, -1, 2.5, np.inf],
    "shuffle": ["yes", 1],
    "tol": [-1, np.nan],
    "verbose": [-1, "yes"],
    "warm_start": [None],
    "momentum": [-0.1, 1.1],
    "nesterovs_momentum": ["no"],
    "early_stopping": ["auto?"],
    "validation_fraction": [0.0, 1.0, -0.1, 5],
    "beta_1": [1.0, -0.1],
    "beta_2": [1.0],
    "epsilon": [0.0],
    "n_iter_no_change": [0, -1, 1.5],
    "max_fun": [0],
    "loss": ["hinge", None],
    "feature_scaling": ["minmax", True, 1],
    "categorical_features": ["all", 3, [0.5], [0, "a"], [[0]], {0}],
    "min_frequency": [1.0, -0.1, None],
    "max_onehot": [-1, 2.5, True],
    "embedding_dim": [0, 2.5, "all"],
}


@fault("71", "invalid parameters")
@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in INVALID.items() for value in values]
)
@each_estimator
def test_an_invalid_parameter_is_an_error_that_names_it(cls, name, value):
    with pytest.raises(ValueError, match=f"The '{name}' parameter of {cls.__name__}"):
        network(cls, **{name: value}).fit(X, y)


@fault("72", "invalid random_state")
@pytest.mark.parametrize("random_state", [np.random.default_rng(0), -1, 2**32, "x"], ids=str)
def test_an_invalid_random_state_is_an_error(random_state):
    for package in BOTH:
        for make in (package.classifier, package.regressor):
            with pytest.raises(ValueError, match="The 'random_state' parameter"):
                make(random_state=random_state).fit(X, y)


class Untouched:
    """A table that must not be read."""

    shape = (10, 1000)

    def __array__(self, *args, **kwargs):
        raise AssertionError("read")


@fault("70", "a network larger than memory")
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("sizes", [(10**6, 10**6), (10**9, 10**9), (10**20,)])
def test_a_network_larger_than_memory_is_an_error_before_x_is_read(sizes, solver):
    estimator = classifier(hidden_layer_sizes=sizes, solver=solver)
    with pytest.raises(MemoryError, match=r"needs at least [\d.e+]+ TiB for its parameters"):
        estimator.fit(Untouched(), y[:10])
    assert not hasattr(estimator, "coefs_")


@fault("70", "the estimate of the memory")
def test_the_estimate_is_of_parameters_gradient_and_state():
    n_params = 1001 * 10**6 + (10**6 + 1) * 10**6 + 10**6 + 1
    for params, n_bytes in [
        ({"solver": "adam"}, 4 * 4),
        ({"solver": "sgd", "dtype": "float64"}, 3 * 8),
    ]:
        with pytest.raises(MemoryError, match=f"{n_params * n_bytes / 2**40:.3g} TiB"):
            regressor(hidden_layer_sizes=(10**6, 10**6), **params).fit(Untouched(), y[:10])


# ----------------------------------------------------------------------------------- prediction


@fault("73", "prediction without a fit")
@each_estimator
def test_an_unfitted_network_does_not_predict(cls):
    for name in ("predict", "predict_proba", "predict_log_proba", "decision_function", "score"):
        if hasattr(cls, name):
            with pytest.raises(NotFittedError):
                getattr(network(cls), name)(*((X, y) if name == "score" else (X,)))


@fault("76", "predictions by 8 threads")
@fault("#18530", "prediction is not safe for threads")
@ignore_convergence
@pytest.mark.parametrize("package", BOTH, ids=lambda package: package.Classifier.__name__)
def test_threads_predict_the_same_bits(package):
    estimator = package.classifier().fit(X, y)
    tables = [np.random.default_rng(k).normal(size=(40 + k, 4)) for k in range(8)] * 25
    expected = [estimator.predict_proba(table) for table in tables[:8]] * 25
    with ThreadPoolExecutor(8) as pool:
        for P, one in zip(pool.map(estimator.predict_proba, tables), expected, strict=True):
            assert_array_equal(P, one)


def forked(connection, estimator):
    connection.send(estimator.fit(X, y).predict(X))


@fault("77", "a fork after BLAS was used")
@ignore_convergence
@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork here")
def test_a_forked_process_fits_and_predicts():
    estimator = classifier(hidden_layer_sizes=(300, 300), max_iter=2).fit(X, y)
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=forked, args=(theirs, estimator))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of Python 3.12, beside threads
        process.start()
    assert ours.poll(60)
    assert_array_equal(ours.recv(), estimator.predict(X))
    process.join()


@fault("78", "a class that a fold of a cross-validation lacks")
@ignore_convergence
@pytest.mark.filterwarnings("ignore:Scoring failed")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
@pytest.mark.filterwarnings("ignore:Number of classes in training fold")
def test_a_fold_that_lacks_a_class_has_no_score_as_in_scikit_learn():
    for package in BOTH:
        scores = cross_val_score(
            package.classifier(), X, y, cv=KFold(3), scoring="roc_auc_ovr", error_score=np.nan
        )
        assert np.isnan(scores).all()


@fault("#8949", "a search in several processes hangs")
@fault("#13567", "training in parallel")
@ignore_convergence
def test_a_search_in_two_processes_ends_and_is_that_in_one():
    grid = {"alpha": [0.0, 0.1]}
    parallel = GridSearchCV(classifier(max_iter=300), grid, cv=2, n_jobs=2).fit(X, y)
    alone = GridSearchCV(classifier(max_iter=300), grid, cv=2).fit(X, y)
    assert_array_equal(
        parallel.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"]
    )


# -------------------------------------------------------------------------------------- pickles


@fault("74", "a pickle of another version")
@ignore_convergence
@pytest.mark.parametrize("version", ["0.0.1", None])
@each_estimator
def test_a_pickle_of_another_version_is_a_warning(cls, version):
    estimator = network(cls).fit(X, y)
    state = estimator.__getstate__()
    assert state["_sknet_version"] == sknet.__version__
    other = cls.__new__(cls)
    state["_sknet_version"] = version
    if version is None:
        del state["_sknet_version"]
    written_by = version or "of an unknown version"
    with pytest.warns(UserWarning, match=f"{cls.__name__} was pickled by sknet {written_by}"):
        other.__setstate__(state)
    assert_array_equal(other.predict(X), estimator.predict(X))


@fault("74", "a pickle of this version")
@ignore_convergence
@each_estimator
def test_a_pickle_of_this_version_is_loaded_in_silence(cls):
    for estimator in (network(cls), network(cls).fit(X, y), network(cls, n_members=2).fit(X, y)):
        loaded = pickle.loads(pickle.dumps(estimator))
        assert vars(loaded).keys() == vars(estimator).keys()
        assert "_sknet_version" not in vars(loaded)


CORRUPT = {
    "lengths": {"intercepts_": []},
    "no layers": {"coefs_": [], "intercepts_": []},
    "n_layers_": {"n_layers_": 10**9},
    "shape chain": {"coefs_": [np.ones((4, 8)), np.ones((7, 3))]},
    "shape of a bias": {"intercepts_": [np.ones(8), np.ones(2)]},
    "columns": {"n_features_in_": 5},
    "outputs": {"n_outputs_": 2},
    "classes": {"classes_": np.arange(4)},
    "dtype": {"coefs_": [np.ones((4, 8), int), np.ones((8, 3), int)]},
    "dtype of objects": {"coefs_": [np.ones((4, 8), object), np.ones((8, 3), object)]},
    "mixed dtypes": {"coefs_": [np.ones((4, 8), "f4"), np.ones((8, 3), "f8")]},
    "NaN": {"coefs_": [np.full((4, 8), np.nan), np.ones((8, 3))]},
    "no array": {"coefs_": ["one", "two"]},
    "activation": {"_activations": ["__import__"]},
    "activations": {"_activations": ["relu", "relu"]},
    "out_activation_": {"out_activation_": "exec"},
    "no embedding": {"embeddings_": [np.ones((4, 2))]},
    "no encoding": {"_encoding": None},
    "list for an encoding": {"_encoding": []},
    "empty encoding": {"_encoding": {}},
}


@fault("75", "a state that cannot be one")
@ignore_convergence
@pytest.mark.parametrize("changes", CORRUPT.values(), ids=CORRUPT)
@pytest.mark.parametrize("task", ["classes", "numbers"])
def test_a_corrupt_state_is_an_error_on_loading(task, changes):
    estimator = classifier().fit(X, y) if task == "classes" else regressor().fit(X, Y)
    if task == "numbers" and "classes_" in changes:
        return
    vars(estimator).update(changes)
    with pytest.raises(
        ValueError, match=f"The state of this {type(estimator).__name__} is corrupt"
    ):
        pickle.loads(pickle.dumps(estimator))


@fault("75", "a state that lacks an attribute")
@ignore_convergence
@pytest.mark.parametrize(
    "name",
    ["intercepts_", "n_layers_", "out_activation_", "_activations", "_encoding", "embeddings_"],
)
def test_a_state_that_lacks_an_attribute_is_an_error_on_loading(name):
    estimator = classifier().fit(X, y)
    delattr(estimator, name)
    with pytest.raises(ValueError, match=f"corrupt: KeyError: '{name}'"):
        pickle.loads(pickle.dumps(estimator))


#: Numbers, of which "b" has missing ones; categories of two, three and of twelve levels.
TABLE = pd.DataFrame(X, columns=list("abcd")).assign(
    b=np.where(X[:, 1] > 1, np.nan, X[:, 1]),
    two=np.where(X[:, 0] > 0, "u", "v"),
    three=np.array(["x", "y", "z"])[np.arange(150) % 3],
    twelve=np.array(list("abcdefghijkl"))[np.arange(150) % 12],
)
#: What is learned of it; `Encoder` says what each entry is.
CORRUPT_ENCODING = {
    "centre of another length": {"centre": np.zeros(3)},
    "centre of two dimensions": {"centre": np.zeros((4, 1))},
    "centre is no array": {"centre": [0.0] * 4},
    "NaN in factor": {"factor": np.array([1, np.nan, 1, 1])},
    "infinity in fill": {"fill": np.array([0, 0, np.inf, 0])},
    "fill of another length": {"fill": np.zeros(5)},
    "objects in factor": {"factor": np.array(["one"] * 4, dtype=object)},
    "scaling": {"scaling": "minmax"},
    "indicator of no column": {"indicated": np.array([4])},
    "indicator below 0": {"indicated": np.array([-1])},
    "no indicator": {"indicated": np.array([], int)},
    "indicator between columns": {"indicated": np.array([0.5])},
    "missing of another length": {"missing": np.zeros(6)},
    "mask of numbers": {"categorical": np.array([0, 0, 0, 0, 1, 1, 1])},
    "mask of another length": {"categorical": np.array([False] * 4 + [True] * 2)},
    "mask of other columns": {"categorical": np.array([True] * 4 + [False] * 3)},
    "fewer levels": {"levels": [["u", "v"], ["x", "y", "z"], list("abcdefghijk")]},
    "levels of fewer columns": {"levels": [["u", "v"], ["x", "y", "z"]]},
    "code beyond the counts": {
        "maps": [np.array([1, 2, 0]), np.array([1, 2, 4, 0]), np.r_[1:13, 0]]
    },
    "code beyond the embedding": {
        "maps": [np.array([1, 2, 0]), np.array([1, 2, 3, 0]), np.r_[1:12, 10**9, 0]]
    },
    "code below 0": {"maps": [np.array([1, 2, 0]), np.array([1, 2, 3, -1]), np.r_[1:13, 0]]},
    "code that is no int": {
        "maps": [np.array([1, 2, 0]), np.array([1, 2, 3, 0.5]), np.r_[1:13, 0]]
    },
    "maps too short": {"maps": [np.array([1, 2]), np.array([1, 2, 3, 0]), np.r_[1:13, 0]]},
    "other counts": {"counts": [2, 4, 12]},
    "counts of fewer columns": {"counts": [2, 3]},
    "counts that are no ints": {"counts": [2, 3, 12.5]},
    "max_onehot": {"max_onehot": 100},
    "text for max_onehot": {"max_onehot": "eight"},
    "dim": {"dim": 3},
    "dim that is no int": {"dim": "four"},
}
#: Its embedding: 12 levels and the missing one, each in 4 dimensions.
CORRUPT_EMBEDDINGS = {
    "none": [],
    "two": [np.ones((13, 4)), np.ones((13, 4))],
    "fewer levels": [np.ones((12, 4))],
    "other dimensions": [np.ones((13, 5))],
    "members": [np.ones((2, 13, 4))],
    "NaN": [np.full((13, 4), np.nan)],
    "other dtype": [np.ones((13, 4), int)],
    "objects": [np.ones((13, 4), object)],
    "no array": ["one"],
    "no list": None,
}


@fault("75", "what was learned of the columns cannot be")
@ignore_convergence
@pytest.mark.parametrize(
    "changes",
    [
        *({"_encoding": changes} for changes in CORRUPT_ENCODING.values()),
        *({"embeddings_": embeddings} for embeddings in CORRUPT_EMBEDDINGS.values()),
    ],
    ids=[*CORRUPT_ENCODING, *(f"embeddings: {name}" for name in CORRUPT_EMBEDDINGS)],
)
@each_estimator
def test_a_corrupt_encoding_is_an_error_on_loading(cls, changes):
    estimator = network(cls, dtype="float64", max_iter=1, embedding_dim=4).fit(TABLE, y)
    assert [E.shape for E in estimator.embeddings_] == [(13, 4)]
    assert estimator._encoding.keys() >= {k for c in CORRUPT_ENCODING.values() for k in c}
    if "_encoding" in changes:
        changes = {"_encoding": estimator._encoding | changes["_encoding"]}
    loaded = pickle.loads(pickle.dumps(estimator))
    assert_array_equal(loaded.predict(TABLE), estimator.predict(TABLE))
    vars(estimator).update(changes)
    with pytest.raises(ValueError, match=f"The state of this {cls.__name__} is corrupt"):
        pickle.loads(pickle.dumps(estimator))


@fault("75", "an encoding that lacks an entry")
@ignore_convergence
def test_an_encoding_that_lacks_an_entry_is_an_error_on_loading():
    estimator = classifier(max_iter=1).fit(TABLE, y)
    encoding = estimator._encoding
    for name in encoding:
        estimator._encoding = {key: value for key, value in encoding.items() if key != name}
        with pytest.raises(ValueError, match=f"corrupt: KeyError: '{name}'"):
            pickle.loads(pickle.dumps(estimator))
