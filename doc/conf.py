"""Configuration of the documentation. From the root, ``pip install . --group docs``, and then

    python -m sphinx -W -b html doc build/html

This needs no network, and raises an error for whatever asks for one.
"""

import doctest
import os
import re
import socket
import sys
import warnings
from importlib.metadata import version as version_of
from pathlib import Path

import matplotlib.pyplot as plt
from docutils import nodes
from sphinx_design.shared import PassthroughTextElement
from sphinx_gallery.directives import imgsgnode
from sphinx_gallery.scrapers import matplotlib_scraper

from sknet._html import DOCS_URL

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "gallery"))
from pictures import faults

project = "sknet"
author = "The sknet developers"
copyright = "2026, The sknet developers"
release = version_of("sknet-mlp")
version = ".".join(release.split(".")[:2])

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx-mathjax-offline",
    "sphinx_design",
    "sphinx_copybutton",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
    "sphinx_llm.txt",
]
exclude_patterns = ["auto_examples/*.ipynb", "*_figures.rst"]  # the last are included
templates_path = ["_templates"]
smartquotes = False  # quotes in docstrings are those of Python
suppress_warnings = ["config.cache"]  # the gallery's settings hold functions

html_theme = "pydata_sphinx_theme"
html_title = f"sknet {release}"
html_baseurl = DOCS_URL
html_static_path = ["_static"]
html_css_files = ["sknet.css"]
html_copy_source = False
html_theme_options = {
    "show_prev_next": False,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 6,
    "secondary_sidebar_items": ["page-toc"],
}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

autosummary_generate = True
autodoc_typehints = "none"  # numpydoc's types say more
autodoc_member_order = "groupwise"
toc_object_entries_show_parents = "hide"
numpydoc_show_class_members = False  # the template of a class lists them


def checked_pictures(block, block_vars, gallery_conf, **kwargs):
    """Save the figures of a block of an example, if nothing is wrong with them."""
    for number in plt.get_fignums():
        found = faults(plt.figure(number))
        if found:
            raise ValueError(f"{block_vars['src_file']}, figure {number}: {'; '.join(found)}")
    return matplotlib_scraper(block, block_vars, gallery_conf, **kwargs)


sphinx_gallery_conf = {
    "image_scrapers": (checked_pictures,),
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"[\\/](plot_|quickstart)",
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("sknet",),
    "reference_url": {"sknet": None},
    "abort_on_example_error": True,
    "show_signature": False,
    "write_computation_times": False,
    "ignore_repr_types": r"matplotlib\.",
    "matplotlib_animations": False,
}

llms_txt_build_parallel = False  # after the pages, so that the examples run once
llms_txt_suffix_mode = "replace"
llms_txt_description = (
    "Multilayer perceptrons for scikit-learn: MLPBackpropClassifier and MLPBackpropRegressor take "
    "raw tables, on numpy, scipy and scikit-learn alone."
)


# ------------------------------------------------------------ without network

_connect = socket.socket.connect


def connect(self, address):
    """Connect within this machine only."""
    local = self.family not in (socket.AF_INET, socket.AF_INET6) or address[0] in (
        "127.0.0.1",
        "localhost",
        "::1",
    )
    if not local:
        raise OSError(f"the documentation is built without network, but asks for {address[0]}")
    return _connect(self, address)


socket.socket.connect = connect
os.environ["PIP_NO_INDEX"] = "1"  # for examples that would install something
warnings.filterwarnings("error", module="__main__")  # an example that warns fails
# distributed asks for the address of this machine, and does without it
warnings.filterwarnings("ignore", "Couldn't detect a suitable IP address")


# ------------------------------------------------------------ docstrings of scikit-learn

GLOSSARY = "https://scikit-learn.org/stable/glossary.html#term-"


def reference_to_scikit_learn(app, env, node, content):
    """Resolve what docstrings of scikit-learn refer to: terms of its glossary, its guide."""
    if not node["refdoc"].startswith("generated/"):
        return None  # a warning of Sphinx
    if node["reftype"] == "term":
        address = GLOSSARY + node["reftarget"].replace(" ", "-")
        return nodes.reference("", "", content, refuri=address, internal=False)
    return content if node["reftype"] == "ref" else None


def version_of_scikit_learn(app, what, name, obj, options, lines):
    """Say whose version it is that such a docstring speaks of."""
    for k, line in enumerate(lines):
        lines[k] = re.sub(r"\.\. version(added|changed):: *(\S+)", r"scikit-learn \2: \1.", line)


# ------------------------------------------------------------ the start page


def draw_estimator(app):
    """Write the HTML representation that the start page shows: of a fit to its own table."""
    text = (Path(app.srcdir) / "index.rst").read_text(encoding="utf-8")
    names = {}
    for line in doctest.DocTestParser().get_examples(text)[:SHOWN]:
        exec(line.source, names)
    folder = Path(app.srcdir) / "generated"
    folder.mkdir(exist_ok=True)
    html = names["model"]._repr_html_()
    (folder / "estimator.html").write_text(f'<div class="estimator">{html}</div>', encoding="utf-8")


#: The statements of the start page up to the fit.
SHOWN = 5


# ------------------------------------------------------------ Markdown


def markdown(before, after=""):
    """The functions that write a node with text around its content."""
    return lambda writer, node: writer.add(before), lambda writer, node: writer.add(after)


def skip(writer, node):
    """Leave out what is HTML."""
    raise nodes.SkipNode


def visit_picture(writer, node):
    """A picture of an example, which its HTML page has copied."""
    up = "../" * writer.builder.current_doc_name.count("/")
    writer.add(f"![{node['alt']}]({up}_images/{Path(node['uri']).name})\n\n")


#: What the builder of Markdown leaves out: pictures of examples, types of parameters, and more.
IN_MARKDOWN = {
    imgsgnode: (visit_picture, lambda writer, node: None),
    nodes.classifier: markdown(" : "),
    nodes.abbreviation: markdown(""),
    PassthroughTextElement: markdown(""),
    nodes.raw: (skip, None),
    nodes.citation: markdown("- "),
    nodes.label: markdown("[", "] "),
}


def setup(app):
    app.connect("builder-inited", draw_estimator)
    app.connect("missing-reference", reference_to_scikit_learn)
    # before numpydoc, which has the priority 500
    app.connect("autodoc-process-docstring", version_of_scikit_learn, priority=400)
    for node, functions in IN_MARKDOWN.items():
        app.add_node(node, override=True, **{"llms-markdown": functions})
