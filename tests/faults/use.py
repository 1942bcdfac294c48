"""Invalid parameters, memory, prediction, and use by several threads, processes and searches."""

import multiprocessing
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score

from tests.faults.common import BOTH, X, classifier, fault, network, regressor, y
from tests.marks import each_estimator, ignore_convergence

# ----------------------------------------------------------------------------------- parameters


INVALID = {
    "hidden_layer_sizes": [-1, 0, (3, 0), (-2,), (1.5,), "10", None, (True,)],
    "activation": ["sigmoid", None, ["relu", "relu"]],
    "solver": ["newton", None],
    "alpha": [-1e-9, np.nan, np.inf, "Auto", None],
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
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # Python 3.12 warns of fork in a process with threads
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
def test_a_search_in_two_processes_equals_that_in_one():
    grid = {"alpha": [0.0, 0.01]}
    parallel = GridSearchCV(classifier(max_iter=300), grid, cv=2, n_jobs=2).fit(X, y)
    alone = GridSearchCV(classifier(max_iter=300), grid, cv=2).fit(X, y)
    assert_array_equal(
        parallel.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"]
    )
