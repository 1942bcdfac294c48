import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import stats
from sklearn.neural_network import MLPRegressor

from sknet._engine.activations import ACTIVATIONS
from sknet._engine.initializers import AUTO, INITIALIZERS, initializer
from sknet._engine.network import dense_layers, drawn_parameters

# Distribution of a weight, from the papers: its family and its standard deviation.
PAPERS = {
    "glorot_uniform": ("uniform", lambda fan_in, fan_out: np.sqrt(2 / (fan_in + fan_out))),
    "glorot_normal": ("norm", lambda fan_in, fan_out: np.sqrt(2 / (fan_in + fan_out))),
    "he_uniform": ("uniform", lambda fan_in, fan_out: np.sqrt(2 / fan_in)),
    "he_normal": ("norm", lambda fan_in, fan_out: np.sqrt(2 / fan_in)),
    "lecun_normal": ("norm", lambda fan_in, fan_out: np.sqrt(1 / fan_in)),
}


@pytest.mark.parametrize("fans", [(400, 60), (60, 400)])
@pytest.mark.parametrize("init", INITIALIZERS)
def test_weights_follow_the_distribution_of_the_paper(init, fans):
    W, b = INITIALIZERS[init](np.random.default_rng(0), *fans, "relu")
    assert W.shape == fans
    assert b.shape == fans[1:]
    assert W.dtype == b.dtype == np.float64
    family, deviation = PAPERS[init][0], PAPERS[init][1](*fans)
    law = {
        "norm": stats.norm(0, deviation),
        "uniform": stats.uniform(-np.sqrt(3) * deviation, 2 * np.sqrt(3) * deviation),
    }[family]
    assert stats.kstest(W.ravel(), law.cdf).pvalue > 1e-3
    if init != "glorot_uniform":
        assert not b.any()


@pytest.mark.filterwarnings("ignore:.*Maximum iterations")
@pytest.mark.parametrize("activation", ["logistic", "tanh", "relu", "identity"])
def test_glorot_uniform_has_the_bounds_of_scikit_learn(activation):
    n_features, units = 40, 150
    X, y = np.zeros((2, n_features)), np.zeros(2)
    theirs = MLPRegressor(hidden_layer_sizes=(units,), activation=activation, random_state=0)
    theirs.set_params(solver="sgd", learning_rate_init=1e-300, max_iter=1).fit(X, y)
    layers = dense_layers((n_features, units, 1), [activation], init="glorot_uniform")
    ours = drawn_parameters(layers, np.random.default_rng(0))
    for layer, W, b in zip(ours, theirs.coefs_, theirs.intercepts_, strict=True):
        assert layer["W"].shape == W.shape
        assert stats.ks_2samp(layer["W"].ravel(), W.ravel()).pvalue > 1e-3
        if b.size > 1:
            assert stats.ks_2samp(layer["b"].ravel(), b).pvalue > 1e-3
        bound = max(abs(W.max()), abs(W.min()))
        assert abs(layer["W"]).max() == pytest.approx(bound, rel=0.05)


@pytest.mark.parametrize("init", INITIALIZERS)
def test_the_generator_alone_decides(init):
    first, again, other = (
        INITIALIZERS[init](np.random.default_rng(seed), 5, 4, "tanh")[0] for seed in (0, 0, 1)
    )
    assert_array_equal(first, again)
    assert (first != other).all()


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_auto_picks_a_row_for_every_activation(activation):
    assert set(AUTO) <= set(ACTIVATIONS)
    assert initializer("auto", activation) in INITIALIZERS.values()
    for init, row in INITIALIZERS.items():
        assert initializer(init, activation) is row


@pytest.mark.parametrize(
    ("activation", "init"),
    [("relu", "he_uniform"), ("relu", "he_normal"), ("selu", "lecun_normal")],
)
def test_the_signal_passes_through_twenty_layers_as_the_papers_promise(activation, init):
    """He et al. for ReLU, Klambauer et al. for SELU: the second moment of Z does not change."""
    rng, width = np.random.default_rng(0), 300
    Z = rng.normal(size=(200, width))
    A, work = np.empty_like(Z), np.empty_like(Z)
    layers = dense_layers([width] * 21, [activation] * 19, init=init)
    for layer in drawn_parameters(layers, rng)[:-1]:
        ACTIVATIONS[activation].forward(Z, A, ACTIVATIONS[activation].memory(work))
        Z = A @ layer["W"] + layer["b"]
        A = np.empty_like(Z)
    assert 0.4 < np.mean(Z**2) < 2.5


def test_output_layer_takes_the_bounds_of_the_last_hidden_activation():
    bounds = {}
    for activation in ("logistic", "tanh"):
        layers = dense_layers((300, 10, 300), [activation], init="glorot_uniform")
        W = drawn_parameters(layers, np.random.default_rng(0))[-1]["W"]
        bounds[activation] = abs(W).max()
    assert bounds["tanh"] == pytest.approx(np.sqrt(3) * bounds["logistic"])
