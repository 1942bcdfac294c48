"""A script as users write it, read by type checkers alone: it must pass ``mypy --strict``."""

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sknet import MLPBackpropClassifier, MLPBackpropRegressor


def classify(X: NDArray[np.float64], y: NDArray[np.int64]) -> float:
    model = MLPBackpropClassifier((20, 10), "tanh", early_stopping=True, random_state=0)
    model.fit(X, y, sample_weight=np.ones(len(y)))
    labels: NDArray[np.int64] = model.predict(X)
    probabilities = model.predict_proba(X)
    print(probabilities.max(axis=1), model.predict_log_proba(X).sum(), labels[:5])
    print(model.decision_function(X).shape, model.transform(X).shape)
    print([W.shape for W in model.coefs_], [b.sum() for b in model.intercepts_])
    print(min(model.loss_curve_), model.n_iter_ + 1, model.classes_.tolist(), model.loss_)
    if model.validation_scores_ is not None and model.best_iter_ is not None:
        print(model.validation_scores_[model.best_iter_ - 1])
    return model.score(X, y)


def in_chunks(X: NDArray[np.float64], y: NDArray[np.int64]) -> MLPBackpropClassifier:
    model = MLPBackpropClassifier(hidden_layer_sizes=(8,), random_state=np.random.RandomState(0))
    for rows in np.array_split(np.arange(len(y)), 3):
        model = model.partial_fit(X[rows], y[rows], classes=np.unique(y))
    return model.set_params(alpha=1e-4)


def regress(X: NDArray[np.float64], y: NDArray[np.float64]) -> MLPBackpropRegressor:
    model = MLPBackpropRegressor(loss="quantile", quantile=[0.1, 0.5, 0.9], max_iter=20)
    fitted = model.fit(X, y, X_val=X, y_val=y).partial_fit(X, y, sample_weight=np.ones(len(y)))
    low, middle, high = fitted.predict(X).T
    print((high - low).mean(), middle.mean(), fitted.get_params()["alpha"], fitted.n_outputs_)
    return fitted


def with_uncertainty(X: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
    numbers = MLPBackpropRegressor(cv=3, max_iter=20, random_state=0).fit(X, y)
    low, high = numbers.predict_interval(X, 0.9).T
    prediction, std = numbers.predict(X, return_std=True)
    print((high - low).mean(), ((y - prediction) / std).std())
    classes = MLPBackpropClassifier(cv=3, max_iter=20, random_state=0).fit(X, y > 0)
    sets: NDArray[np.bool_] = classes.predict_set(X, [0.8, 0.9], method="aps", allow_empty=True)
    return sets


def main() -> None:
    X = np.random.default_rng(0).normal(size=(300, 4))
    y = np.digitize(X[:, 0], [-0.5, 0.5])
    pipeline = make_pipeline(StandardScaler(), MLPBackpropClassifier(learning_rate="cosine"))
    search = GridSearchCV(MLPBackpropClassifier(max_iter=5), {"alpha": [1e-6, 1e-4]}, cv=2)
    search.fit(X, y)
    pipeline.fit(X, y)
    print(search.best_params_, cross_val_score(pipeline, X, y).mean(), pipeline.predict(X))
    print(classify(X, y), in_chunks(X, y).t_, regress(X, X[:, 1]).n_features_in_ + 1)
    print(with_uncertainty(X, X[:, 1]).shape)


if __name__ == "__main__":
    main()
