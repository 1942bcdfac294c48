"""The snippets of these pages are run as tests."""

from importlib.util import find_spec

collect_ignore = ["conf.py"]  # which sphinx imports
if find_spec("sklearn.callback") is None:  # before scikit-learn 1.9
    collect_ignore += ["training.rst"]
