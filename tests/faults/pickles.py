"""Pickles of other versions, and pickles with a corrupt state."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

import sknet
from sknet._fitted.conformal import HeldOut
from tests.faults.common import X, Y, classifier, fault, network, regressor, y
from tests.marks import each_estimator, ignore_convergence


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
def test_a_pickle_of_this_version_loads_without_a_warning(cls):
    for estimator in (network(cls), network(cls).fit(X, y), network(cls, n_members=2).fit(X, y)):
        loaded = pickle.loads(pickle.dumps(estimator))
        # equal fits have equal pickles: the duration of a fit is left out
        assert vars(loaded).keys() == vars(estimator).keys() - {"_fit_seconds"}
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
    "scores of rows": {"_held_out": HeldOut([np.ones((5, 7))], None, 5)},
    "scores without numbers": {"_held_out": HeldOut([np.full((5, 2), np.nan)], None, 5)},
    "weights of other rows": {"_held_out": HeldOut([np.ones((5, 2))], [np.ones(4)], 5)},
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


#: Numbers, with missing ones in "b", and categories of two, three and twelve levels.
TABLE = pd.DataFrame(X, columns=list("abcd")).assign(
    b=np.where(X[:, 1] > 1, np.nan, X[:, 1]),
    two=np.where(X[:, 0] > 0, "u", "v"),
    three=np.array(["x", "y", "z"])[np.arange(150) % 3],
    twelve=np.array(list("abcdefghijkl"))[np.arange(150) % 12],
)
#: What is learned of it; `Encoder` says what each entry is.
CORRUPT_ENCODING = {
    "missing of another length": {"missing": np.zeros(6)},
    "mask of numbers": {"categorical": np.array([0, 0, 0, 0, 1, 1, 1])},
    "mask of another length": {"categorical": np.array([False] * 4 + [True] * 2)},
    "mask of other columns": {"categorical": np.array([True] * 4 + [False] * 3)},
    "fewer levels": {"levels": [["u", "v"], ["x", "y", "z"], list("abcdefghijk")]},
    "levels of fewer columns": {"levels": [["u", "v"], ["x", "y", "z"]]},
    "asked for less": {"asked": {"feature_scaling": "auto"}},
    "no blocks": {"blocks": []},
    "blocks that are no list": {"blocks": None},
    "block that is no dict": {"blocks": ["standard"]},
}
#: The blocks of its columns: the encoding, and what is wrong with it.
CORRUPT_BLOCKS = {
    "centre of another length": ("standard", {"centre": np.zeros(3)}),
    "centre of two dimensions": ("standard", {"centre": np.zeros((4, 1))}),
    "centre is no array": ("standard", {"centre": [0.0] * 4}),
    "NaN in factor": ("standard", {"factor": np.array([1, np.nan, 1, 1])}),
    "infinity in fill": ("standard", {"fill": np.array([0, 0, np.inf, 0])}),
    "fill of another length": ("standard", {"fill": np.zeros(5)}),
    "objects in factor": ("standard", {"factor": np.array(["one"] * 4, dtype=object)}),
    "scaling": ("standard", {"encoding": "minmax"}),
    "scaling that is no name": ("standard", {"encoding": ["standard"]}),
    "numbers read as codes": ("standard", {"encoding": "one-hot"}),
    "fewer numbers": (
        "standard",
        {"columns": np.arange(3), **{name: np.ones(3) for name in ("fill", "centre", "factor")}},
    ),
    "a number twice": ("standard", {"columns": np.array([0, 1, 1, 2])}),
    "indicator of no column": ("missing", {"columns": np.array([4])}),
    "indicator below 0": ("missing", {"columns": np.array([-1])}),
    "no indicator": ("missing", {"columns": np.array([], int)}),
    "indicator between columns": ("missing", {"columns": np.array([0.5])}),
    "indicator that is no array": ("missing", {"columns": [1]}),
    "indicator in place of numbers": ("standard", {"encoding": "missing"}),
    "code beyond the counts": ("one-hot", {"maps": [np.array([1, 2, 4, 0])]}),
    "code beyond the embedding": ("embedding", {"maps": [np.r_[1:12, 10**9, 0]]}),
    "code below 0": ("one-hot", {"maps": [np.array([1, 2, 3, -1])]}),
    "code that is no int": ("one-hot", {"maps": [np.array([1, 2, 3, 0.5])]}),
    "maps too short": ("-1, +1", {"maps": [np.array([1, 2])]}),
    "maps of fewer columns": ("one-hot", {"maps": []}),
    "other counts": ("one-hot", {"counts": [4]}),
    "counts of fewer columns": ("embedding", {"counts": []}),
    "counts that are no ints": ("embedding", {"counts": [12.5]}),
    "three signs": ("-1, +1", {"counts": [3]}),
    "one-hot in place of an embedding": ("embedding", {"encoding": "one-hot"}),
    "signs in place of one-hot": ("one-hot", {"encoding": "-1, +1"}),
    "another category": ("one-hot", {"columns": np.array([0])}),
    "dim": ("embedding", {"dim": 3}),
    "dim that is no int": ("embedding", {"dim": "four"}),
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
        *({"block": changes} for changes in CORRUPT_BLOCKS.values()),
        *({"embeddings_": embeddings} for embeddings in CORRUPT_EMBEDDINGS.values()),
    ],
    ids=[
        *CORRUPT_ENCODING,
        *CORRUPT_BLOCKS,
        *(f"embeddings: {name}" for name in CORRUPT_EMBEDDINGS),
    ],
)
@each_estimator
def test_a_corrupt_encoding_is_an_error_on_loading(cls, changes):
    settings = {"dtype": "float64", "max_iter": 1, "embedding_dim": 4}
    estimator = network(cls, feature_scaling="standard", **settings).fit(TABLE, y)
    assert [E.shape for E in estimator.embeddings_] == [(13, 4)]
    blocks = estimator._encoding["blocks"]
    if "block" in changes:
        wrong, entries = changes["block"]
        assert wrong in [block["encoding"] for block in blocks]
        blocks = [b | entries if b["encoding"] == wrong else b for b in blocks]
        changes = {"_encoding": {"blocks": blocks}}
    if "_encoding" in changes:
        assert estimator._encoding.keys() >= changes["_encoding"].keys()
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
    for k, block in enumerate(encoding["blocks"]):
        for name in block:
            blocks = list(encoding["blocks"])
            blocks[k] = {key: value for key, value in block.items() if key != name}
            estimator._encoding = encoding | {"blocks": blocks}
            with pytest.raises(ValueError, match=f"corrupt: KeyError: '{name}'"):
                pickle.loads(pickle.dumps(estimator))
