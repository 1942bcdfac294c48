"""Fit a table, plot the fit and export the model: ``python fit_csv.py TABLE.csv TARGET``.

Beside the table it writes TABLE.png, TABLE.onnx, and TABLE_model.py, which predicts on numpy alone.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.model_selection import train_test_split

from sknet import MLPBackpropClassifier, MLPBackpropRegressor
from sknet.export import to_python
from sknet.onnx import to_onnx
from sknet.plotting import LossCurveDisplay

path, target = Path(sys.argv[1]), sys.argv[2]
table = pd.read_csv(path).dropna(subset=[target])
X, y = table.drop(columns=target), table[target]
is_number = y.dtype.kind in "if" and y.nunique() > 20
can_stratify = not is_number and y.value_counts().min() > 1
X_train, X_test, y_train, y_test = train_test_split(
    X, y, random_state=0, stratify=y if can_stratify else None
)

model = MLPBackpropRegressor(random_state=0) if is_number else MLPBackpropClassifier(random_state=0)
model.fit(X_train, y_train)
print("R2" if is_number else "accuracy", "on new rows:", round(model.score(X_test, y_test), 3))

LossCurveDisplay.from_estimator(model)
plt.savefig(path.with_suffix(".png"))
path.with_suffix(".onnx").write_bytes(to_onnx(model).SerializeToString())
path.with_name(path.stem + "_model.py").write_text(to_python(model), encoding="utf-8")
