"""Each constructor parameter is documented in both classes, as its rule and its default say."""

import ast
import re
from inspect import getdoc, signature

import pytest

from sknet import MLPBackpropClassifier, MLPBackpropRegressor, _params

CLASSES = (MLPBackpropClassifier, MLPBackpropRegressor)
#: Values of each kind that a docstring may name. A kind is allowed if one of its values is.
SAMPLES = {
    "int": [1, 2, 3, 20],
    "float": [0.25, 1.5],
    "bool": [True],
    "None": [None],
    "'auto'": ["auto"],
    "callable": [lambda *given: 0.1],
}


def entries(cls):
    """The types that the docstring names for each parameter, by its name."""
    section = getdoc(cls).partition("\nParameters\n----------\n")[2].partition("\nAttributes\n")[0]
    found = re.findall(r"^(\w+) : (.+), default=(.+)$", section, re.MULTILINE)
    assert len({name for name, *_ in found}) == len(found)
    return {name: (kinds, default) for name, kinds, default in found}


def named(kinds):
    """The kinds that a type of numpydoc names; a bool is no int, though Python says so."""
    alone = re.sub(r"(array-like|sequence) of (\{.*?\}|\w+)", "", kinds)
    words = set(re.findall(r"'\w+'|\w+", alone))
    return {kind for kind in SAMPLES if kind in words}


@pytest.mark.parametrize("cls", CLASSES)
def test_every_parameter_is_documented_with_its_default(cls):
    parameters, documented = signature(cls).parameters, entries(cls)
    assert documented.keys() == parameters.keys() == cls().get_params().keys()
    for name, (_, default) in documented.items():
        assert ast.literal_eval(default) == parameters[name].default, name


@pytest.mark.parametrize("cls", CLASSES)
def test_the_documented_types_are_those_of_the_rule(cls):
    for name, (kinds, _) in entries(cls).items():
        if name == "loss":  # its rule is a table of losses
            assert set(re.findall(r"'(\w+)'", kinds)) == set(cls._losses)
            continue
        allows = _params.RULES[name].allows
        allowed = {kind for kind, values in SAMPLES.items() if any(map(allows, values))}
        documented = named(kinds)
        if "float" in documented:
            documented |= {"int"} & allowed  # an int is a float, as in scikit-learn
        if "str" in kinds:
            documented |= {"'auto'"} & allowed
        assert documented == allowed, (name, kinds, _params.RULES[name].words)
        for choice in re.findall(r"'(\w+)'", kinds):
            assert allows(choice), (name, choice)


def test_both_classes_say_the_same_of_what_they_share():
    ours, theirs = map(entries, CLASSES)
    shared = ours.keys() & theirs.keys() - {"loss"}
    assert len(shared) > 40
    assert {name: ours[name] for name in shared} == {name: theirs[name] for name in shared}
