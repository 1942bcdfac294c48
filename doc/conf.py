"""Configuration of the documentation: ``sphinx-build doc doc/_build`` from the root."""

from importlib.metadata import version as version_of

project = "sknet"
author = "The sknet developers"
copyright = "2026, The sknet developers"
release = version_of("sknet-mlp")
version = ".".join(release.split(".")[:2])

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.mathjax",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "auto_examples/*.ipynb", "*_figures.rst"]  # includes
html_theme = "pydata_sphinx_theme"
html_title = f"sknet {release}"

autosummary_generate = True
numpydoc_show_class_members = False  # api.rst lists the methods
intersphinx_mapping = {
    "python": ("https://docs.python.org/3", None),
    "numpy": ("https://numpy.org/doc/stable", None),
    "scipy": ("https://docs.scipy.org/doc/scipy", None),
    "sklearn": ("https://scikit-learn.org/stable", None),
}

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"[\\/]plot_",  # these are run; the others are shown
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("sknet",),
    "reference_url": {"sknet": None},
}
