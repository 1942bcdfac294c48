"""Networks that take a few steps in float64."""

from tests.networks import network_maker, parameters

#: A few steps in float64, at rates large enough to move. X is taken as it is: the oracles do not
#: scale it, and sparse X would not be centred.
network = network_maker(
    sizes=(6, 4), activation="tanh", rate=0.01, sgd_rate=0.1, max_iter=8, dtype="float64",
    feature_scaling=None,
)  # fmt: skip


def both(ours, theirs):
    """Pairs of all weights and biases."""
    return zip(parameters(ours), parameters(theirs), strict=True)
