"""Properties of every table: finite predictions or an error, and input that stays as it is."""

from hypothesis import given
from hypothesis import strategies as st

from tests.properties.strategies import (
    SOLVER_PARAMS,
    assert_sound,
    examples,
    outputs,
    problems,
    refusal,
)


@examples(150)
@given(problem=problems(), params=SOLVER_PARAMS)
def test_predictions_for_any_finite_table_are_finite_or_an_error(problem, params):
    cls, X, y, w, X_val, _ = problem
    model = cls((3,), max_iter=3, random_state=0, **params)
    if not refusal(model.fit, X, y, w):
        assert_sound(model, X)
        assert_sound(model, X_val)


@examples(60)
@given(problem=problems(), params=SOLVER_PARAMS, read_only=st.booleans())
def test_no_input_is_written_to(problem, params, read_only):
    cls, *arrays = problem
    before = [None if a is None else a.tobytes() for a in arrays]
    for a in arrays:
        if a is not None:
            a.flags.writeable = not read_only
    X, y, w, X_val, y_val = arrays
    params["n_members"] = 1  # lbfgs with several members refuses validation rows
    model = cls((3,), max_iter=2, random_state=0, **params)
    messages = [refusal(model.fit, X, y, w, X_val=X_val, y_val=y_val)]
    if not messages[0]:
        messages += [refusal(outputs, model, rows) for rows in (X, X_val)]
    assert not any(message and "read-only" in message for message in messages)
    assert before == [None if a is None else a.tobytes() for a in arrays]
