"""How far exported files are from the estimators from which they were made, model by model.

    python tests/benchmarks/compare_exports.py

For each model of ``tests/export/models.py`` it prints the largest difference of the ONNX graph, run
by onnxruntime, and of the file of Python, on rows with missing values and unknown levels: of
probabilities; of predictions as a share of the largest one. Labels must be equal.
"""

import sys
import warnings
from pathlib import Path

import numpy as np
import onnxruntime

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from sknet.export import to_python
from sknet.onnx import to_onnx
from tests.export.common import feeds
from tests.export.models import MODELS, rows_for


def difference(model, found, X):
    """The largest difference between what a file predicts and what the estimator does."""
    if hasattr(model, "classes_"):
        labels, P = found
        assert np.array_equal(labels, model.predict(X))
        return np.abs(P - model.predict_proba(X)).max()
    expected = model.predict(X)
    return np.abs(np.reshape(found[-1], expected.shape) - expected).max() / np.abs(expected).max()


def main():
    warnings.simplefilter("ignore")
    worst = np.zeros(2)
    print(f"{'model':34} {'ONNX':>9} {'Python':>9}")
    for name, (model, X, y) in MODELS.items():
        model.fit(X, y)
        rows = rows_for(X)
        session = onnxruntime.InferenceSession(to_onnx(model).SerializeToString())
        file = {"__name__": "exported"}
        exec(to_python(model), file)
        names = [n for n in ("predict", "predict_proba") if n in file]
        results = session.run(None, feeds(session, rows)), [file[n](rows) for n in names]
        errors = np.array([difference(model, found, rows) for found in results])
        print(f"{name:34} {errors[0]:9.1e} {errors[1]:9.1e}")
        worst = np.maximum(worst, errors)
    print(f"{'largest of ' + str(len(MODELS)) + ' models':34} {worst[0]:9.1e} {worst[1]:9.1e}")


if __name__ == "__main__":
    main()
