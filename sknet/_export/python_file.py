"""A fitted estimator -> a file of Python on numpy alone, one method or function for each part."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from sknet._engine.layers import PiecewiseLinear
from sknet._export.example_rows import example_rows
from sknet._export.script import Script, literal
from sknet._table.encoder import CODE_TOLERANCE
from sknet._table.encoding import NUMBERS
from sknet._table.number_encodings import CLIP

#: How far the predictions of a file may be from those of the estimator on the file's own rows, as a
#: share of the largest one.
TOLERANCE = 1e-6


def python_file(model: Any, version: str) -> str:
    """Return the text of the file: see ``sknet.export.to_python``."""
    script = Script()
    predictions = _predictions(script, model)
    columns = _names(model)
    codes = {k: own for k, own in _codes(model).items() if own is not None}
    parts = [
        _heading(model, version),
        "import base64\nimport math\n\nimport numpy as np",
        f"COLUMNS = {columns!r}",
        f"CODES = {_dict_of_dicts(codes)}",
        *predictions.pop("constants"),
        *script.functions(),
        *predictions.values(),
        _READ_ARRAY,
        *script.arrays(),
        _own_test(model),
    ]
    return "\n\n\n".join(parts) + "\n"


def _names(model: Any) -> list[Any]:
    names = getattr(model, "feature_names_in_", None)
    return list(range(model.n_features_in_)) if names is None else names.tolist()


def _heading(model: Any, version: str) -> str:
    classifies = hasattr(model, "classes_")
    methods = "predict(X) and predict_proba(X) take" if classifies else "predict(X) takes"
    what = f"A fitted {type(model).__name__} as Python on numpy alone"
    return f'''"""{what}, written by sknet {version}.

{methods} rows as the estimator does: a table with columns by name (a dict of
lists or arrays, or a DataFrame), or a sequence of rows, or an array. Missing values are NaN or
None. Run the file to compare it with the estimator on rows of its own.
"""'''


_READ_ARRAY = '''def array(dtype, shape, text):
    """Return an array, given its bytes in base64."""
    return np.frombuffer(base64.b64decode(text), dtype).reshape(shape)'''


def _dict_of_dicts(values: dict[int, dict[Any, int]]) -> str:
    """Return the codes of all categories as code."""
    own = "".join(
        f"    {k}: {literal(codes, ' ' * 8)[:-1]}    }},\n" for k, codes in values.items()
    )
    return f"{{\n{own}}}"


def _codes(model: Any) -> dict[int, dict[Any, int] | None]:
    """Return the code of each level of each category, by the number of its column."""
    encoder = model._encoder
    places = np.flatnonzero(encoder.categorical).tolist()
    found: dict[int, dict[Any, int] | None] = dict.fromkeys(places)
    for block in encoder.blocks:
        if block.reads != NUMBERS and block.n_columns:
            for k, code_of in zip(block.columns, block.maps, strict=True):
                pairs = zip(encoder.levels[k], code_of[:-1].tolist(), strict=True)
                found[places[k]] = {plain(level): code for level, code in pairs if code}
    return found


def plain(level: Any) -> Any:
    """Return a level as code can write it; an equal float for other numbers."""
    return level if isinstance(level, (str, bool, int, float)) else float(level)


# ------------------------------------------------------------ the network's input


def _encoding(s: Script, model: Any) -> list[str]:
    """Return the lines that encode X: ``A``, and ``codes`` of embedded categories."""
    encoder = model._encoder
    numbers = np.flatnonzero(~encoder.categorical).tolist()
    places = np.flatnonzero(encoder.categorical).tolist()
    lines, parts, embedded = [], [], []
    if numbers:
        lines.append(f"numbers = {s.call('read_numbers', 'X', numbers)}")
    for own in encoder.state["codes"]:
        codes = s.array("missing_codes", own)
        lines.append(f"numbers = {s.call('without_codes', 'numbers', codes, CODE_TOLERANCE)}")
    for block in encoder.blocks:
        columns = block.columns.tolist()
        if block.reads == NUMBERS:
            whole = columns == list(range(len(numbers)))
            own = "numbers" if whole else f"numbers[:, {columns}]"
            parts.append(ENCODINGS[block.state["encoding"]](s, block, own))
        elif block.n_columns:
            read = [s.call("read_codes", "X", places[k]) for k in columns]
            if block.embeds:
                embedded += read
            else:
                pairs = zip(read, block.counts, strict=True)
                parts += [ENCODINGS[block.state["encoding"]](s, own, n) for own, n in pairs]
    listed = "".join(f"    {part},\n" for part in parts)
    s.use("n_rows")
    lines += [f"parts = [\n{listed}]" if parts else "parts = [np.empty((n_rows(X), 0))]"]
    lines += [f"A = np.concatenate(parts, axis=1).astype(np.{model.coefs_[0].dtype})"]
    if embedded:
        tables = ", ".join(s.array("E", E) for E in model.embeddings_)
        codes = "".join(f"    {own},\n" for own in embedded)
        lines += [f"codes = [\n{codes}]", f"tables = [{tables}]"]
    return lines


def _filled(s: Script, block: Any, own: str) -> str:
    return s.call("filled", own, s.array("median", block.state["fill"]))


def _between(s: Script, block: Any, own: str) -> str:
    low, high = s.array("low", block.state["low"]), s.array("high", block.state["high"])
    return s.call("between", _filled(s, block, own), low, high)


def _scaled(s: Script, block: Any, own: str) -> str:
    centre, factor = (s.array(name, block.state[name]) for name in ("centre", "factor"))
    return s.call("scaled", own, centre, factor)


def _as_it_is(s: Script, block: Any, own: str) -> str:
    return _filled(s, block, own) if block.changes_nothing else _between(s, block, own)


def _standard(s: Script, block: Any, own: str) -> str:
    return _scaled(s, block, _filled(s, block, own))


def _linear(s: Script, block: Any, own: str) -> str:
    return _scaled(s, block, _between(s, block, own))


def _robust(s: Script, block: Any, own: str) -> str:
    return s.call("smoothly_clipped", _standard(s, block, own), CLIP)


def _max_abs(s: Script, block: Any, own: str) -> str:
    own = _standard(s, block, own)
    return f"np.clip({own}, -2.0, 2.0)" if block.state["bounded"] else own


def _quantile(s: Script, block: Any, own: str) -> str:
    knots, heights = (np.stack(values) for values in zip(*block.curves, strict=True))
    curves = s.array("knots", knots), s.array("heights", heights)
    return s.call("interpolated", _filled(s, block, own), *curves)


def _missing(s: Script, block: Any, own: str) -> str:
    return s.call("missing", own)


def _signs(s: Script, codes: str, count: int) -> str:
    return s.call("signs", codes)


def _one_hot(s: Script, codes: str, count: int) -> str:
    return s.call("one_hot", codes, count or 1)


#: Name -> function; the twin of ``sknet._table.encodings``. Embeddings and categories that are left
#: out have no columns.
ENCODINGS: dict[str, Callable[..., str]] = {
    "as it is": _as_it_is,
    "standard": _standard,
    "robust": _robust,
    "linear": _linear,
    "quantile": _quantile,
    "max_abs": _max_abs,
    "clipped": _robust,
    "missing": _missing,
    "-1, +1": _signs,
    "one-hot": _one_hot,
}


# ------------------------------------------------------------ the network


def _network(s: Script, model: Any) -> list[str]:
    """Return the lines from ``A``, the encoded rows, to the raw output."""
    lines, encoder, dtype = [], model._encoder, model.coefs_[0].dtype
    if encoder.knots:
        splines = PiecewiseLinear(encoder.n_columns, *zip(*encoder.knots, strict=True))
        own = {"columns": splines.source} | {
            name: getattr(splines, name).astype(dtype) for name in ("slope", "shift")
        }
        arrays = [s.array(name, values) for name, values in own.items()]
        lines.append(f"A = {s.call('piecewise_linear', 'A', *arrays)}")
    if model.embeddings_:
        lines.append(f"A = {s.call('embedded', 'A', 'codes', 'tables')}")
    if model.frequencies_ is not None:
        own = s.array("F", model.frequencies_), s.array("P", model.phases_)
        lines.append(f"A = {s.call('periodic', 'A', encoder.periodic[0], *own)}")
    layers = zip(model.coefs_, model.intercepts_, [*model._activations, "identity"], strict=True)
    for W, b, activation in layers:
        Z = f"A @ {s.array('W', W)} + {s.array('b', b[..., None, :])}"
        lines.append(f"A = {Z if activation == 'identity' else s.call(activation, Z)}")
    return [*lines, "return A.astype(float)"]


def _predictions(s: Script, model: Any) -> dict[str, Any]:
    """Return the constants and the functions that predict."""
    lines = [*_encoding(s, model), *_network(s, model)]
    raw = _function("raw_output", "The output of the network before its link, in float64.", lines)
    members = ".mean(axis=0)" if model.coefs_[0].ndim == 3 else ""
    link = model.out_activation_
    if not hasattr(model, "classes_"):
        s.use(link)
        return {"constants": [], "raw": raw, "predict": _regression(s, model, link, members)}
    dtype = model.classes_.dtype
    kind = "object" if dtype.kind == "O" else repr(dtype.str)
    constants = [f"CLASSES = np.array({model.classes_.tolist()!r}, {kind})"]
    Z = "Z = raw_output(X)"
    if model._binary:
        Z = "Z = raw_output(X)\nZ = np.concatenate([-Z, Z], axis=-1)"
    proba = [*Z.splitlines(), f"return {s.call(link, 'Z')}{members}"]
    what = "label" if model._indicator else "class"
    decided = "(P > 0.5).astype(int)" if model._indicator else "CLASSES[P.argmax(axis=1)]"
    return {
        "constants": constants,
        "raw": raw,
        "proba": _function("predict_proba", f"The probability of each {what}.", proba),
        "predict": _function(
            "predict", f"The {what} of each row.", ["P = predict_proba(X)", f"return {decided}"]
        ),
    }


def _regression(s: Script, model: Any, link: str, members: str) -> str:
    """Return the function that predicts numbers."""
    target = model._fitted_target()
    lines = [f"Y = {s.call(link, 'raw_output(X)')}{members}"]
    if target.scaling is not None:
        scale, centre = (
            s.array(name, getattr(target.scaling, name)) for name in ("scale", "centre")
        )
        lines.append(f"Y = Y * {scale} + {centre}")
    if target.limits is not None:
        low, high = s.array("least", target.limits[0]), s.array("greatest", target.limits[1])
        lines.append(f"Y = np.clip(Y, {low}, {high})")
    lines.append("return Y[:, 0]" if model.n_outputs_ == 1 else "return Y")
    return _function("predict", "The prediction for each row, in the units of y.", lines)


def _function(name: str, summary: str, lines: list[str]) -> str:
    body = "\n".join(f"    {line}" for entry in lines for line in entry.splitlines())
    return f'def {name}(X):\n    """{summary}"""\n{body}'


# ------------------------------------------------------------ rows of its own


def _own_test(model: Any) -> str:
    """Return the rows of the file, what the estimator predicts for them, and the comparison."""
    rows, X = example_rows(model)
    name = "predict_proba" if hasattr(model, "classes_") else "predict"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # unknown levels and missing names are on purpose
        expected = getattr(model, name)(X)
    listed = "".join(f"    {tuple(row)!r},\n" for row in rows)
    return f'''nan = math.nan
ROWS = [
{listed}]
EXPECTED = np.array({expected.astype(float).tolist()!r})


def test():
    """Compare the predictions for ROWS with those of the estimator."""
    error = np.abs({name}(ROWS) - EXPECTED).max() / max(np.abs(EXPECTED).max(), 1e-300)
    assert error <= {TOLERANCE}, error
    return error


if __name__ == "__main__":
    print(f"{{len(ROWS)}} rows are predicted as by the estimator, up to {{test():.1e}}")'''
