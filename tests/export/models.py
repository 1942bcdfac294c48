"""Estimators of every kind with their data, which every kind of file is tested on."""

import numpy as np

from tests.export.common import classifier, frame, label, number, regressor, rows_of_every_kind

TABLE = frame()
ROWS = rows_of_every_kind(TABLE)
NUMBERS = TABLE[["plain number", "heavy (tails)", "count"]].to_numpy()
INDICATORS = np.stack([number(TABLE) > 20, TABLE["flag"], TABLE["count"] > 3], axis=1).astype(int)
SEVERAL = np.stack([number(TABLE), 1e6 + TABLE["plain number"], -TABLE["count"]], axis=1)
TWO = ("no", "yes")
MODELS = {
    "default classifier": (classifier(), TABLE, label(TABLE)),
    "default regressor": (regressor(), TABLE, number(TABLE)),
    "two classes": (classifier(), TABLE, label(TABLE, TWO)),
    "labels int": (classifier(), TABLE, label(TABLE, (7, -2, 40))),
    "labels uint8": (classifier(), TABLE, label(TABLE, (7, 2)).astype(np.uint8)),
    "labels bool": (classifier(), TABLE, label(TABLE, (False, True))),
    "labels float": (classifier(), TABLE, label(TABLE, (0.0, 1.0))),
    "labels object": (classifier(), TABLE, label(TABLE).astype(object)),
    "multilabel": (classifier(), TABLE, INDICATORS),
    "several outputs": (regressor(), TABLE, SEVERAL),
    "quantiles": (regressor(loss="quantile", quantile=[0.1, 0.5, 0.9]), TABLE, number(TABLE)),
    "one quantile": (regressor(loss="quantile", quantile=0.8), TABLE, number(TABLE)),
    "members": (classifier(n_members=4), TABLE, label(TABLE)),
    "two classes, members": (classifier(n_members=3), TABLE, label(TABLE, TWO)),
    "multilabel, members": (classifier(n_members=2), TABLE, INDICATORS),
    "cross-fitted": (regressor(cv=3), TABLE, number(TABLE)),
    "embeddings": (regressor(max_onehot=2), TABLE, number(TABLE)),
    "embeddings, members": (classifier(max_onehot=2, n_members=3), TABLE, label(TABLE)),
    "no knots": (classifier(numeric_embedding=None), TABLE, label(TABLE)),
    "splines": (classifier(numeric_embedding="ple"), TABLE, label(TABLE)),
    "splines, members": (classifier(numeric_embedding="ple", n_members=2), TABLE, label(TABLE)),
    "periodic": (regressor(numeric_embedding="periodic"), TABLE, number(TABLE)),
    "periodic, embeddings": (
        regressor(numeric_embedding="periodic", max_onehot=2), TABLE, number(TABLE)),
    "periodic, embeddings, members": (
        regressor(numeric_embedding="periodic", max_onehot=2, n_members=3), TABLE, number(TABLE)),
    "periodic, members": (
        classifier(numeric_embedding="periodic", n_members=3), TABLE, label(TABLE)),
    "periodic, float64": (
        classifier(numeric_embedding="periodic", dtype="float64"), NUMBERS, label(TABLE)),
    "pooled": (regressor(min_frequency=0.05), TABLE, number(TABLE)),
    "float64": (regressor(dtype="float64"), TABLE, number(TABLE)),
    "lbfgs": (classifier(solver="lbfgs", activation="tanh"), TABLE, label(TABLE)),
    "no hidden layer": (classifier(hidden_layer_sizes=()), TABLE, label(TABLE)),
    "robust": (regressor(feature_scaling="robust"), TABLE, number(TABLE)),
    "standard": (regressor(feature_scaling="standard"), TABLE, number(TABLE)),
    "unscaled": (classifier(feature_scaling=None), TABLE, label(TABLE)),
    "poisson": (regressor(loss="poisson"), TABLE, TABLE["count"]),
    "gamma": (regressor(loss="gamma"), TABLE, TABLE["count"] + 1.0),
    "softplus": (regressor(out_activation="softplus"), TABLE, TABLE["count"]),
    "tanh": (regressor(out_activation="tanh"), TABLE, np.tanh(TABLE["plain number"])),
    "logistic": (regressor(out_activation="logistic"), TABLE, TABLE["flag"].astype(float)),
    "absolute_error": (regressor(loss="absolute_error"), TABLE, number(TABLE)),
    "unscaled target": (regressor(target_scaling=False), TABLE, number(TABLE)),
    "calibrated": (classifier(calibration="temperature", early_stopping=True), TABLE, label(TABLE)),
    "array": (classifier(), NUMBERS, label(TABLE)),
    "array, regression": (regressor(), NUMBERS, number(TABLE)),
    "array with a category": (regressor(categorical_features=[2]), NUMBERS, number(TABLE)),
    "array of objects": (classifier(), TABLE.to_numpy(dtype=object), label(TABLE)),
    "text alone": (classifier(), TABLE[["few", "many"]], label(TABLE)),
    "embedded text alone": (regressor(max_onehot=2, n_members=2), TABLE[["many"]], number(TABLE)),
    "activations": (
        regressor(hidden_layer_sizes=(9, 8), activation=("elu", "gelu")), TABLE, number(TABLE)),
    "a single class": (classifier(), NUMBERS, np.full(len(TABLE), "one")),
}  # fmt: skip


def rows_for(X):
    """Rows with missing values and unknown levels, as the X of a model is."""
    if hasattr(X, "columns"):
        return ROWS[X.columns]
    return ROWS.to_numpy(dtype=object) if X.dtype.kind == "O" else X
