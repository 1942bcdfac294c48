"""The HTML representation: links to the documentation, tooltips, a summary of the fit.

scikit-learn draws the diagram. From 1.9 on it asks an estimator for the HTML of its parameters and
of its fitted attributes, to which this module adds.
"""

import inspect
import re
from collections import Counter
from collections.abc import Callable, Mapping
from html import escape
from typing import Any

#: Where the documentation is published, without a slash at the end. Empty until it is: then there
#: are no links.
DOCS_URL = ""
#: Characters of the text of a tooltip.
TOOLTIP = 600


class ShownAsHTML:
    """What scikit-learn's HTML representation asks of an estimator."""

    @property
    def _doc_link_module(self) -> str:
        """The package whose classes have a page; none without an address."""
        return "sknet" if DOCS_URL else ""

    @property
    def _doc_link_template(self) -> str:
        """The address of the page of a class."""
        return DOCS_URL + "/generated/{estimator_module}.{estimator_name}.html"

    def _get_params_html(self, *args: Any, **kwargs: Any) -> Any:
        """Return the table of parameters, with a tooltip for each."""
        shown = super()._get_params_html(*args, **kwargs)
        return _changed(shown, lambda html: with_tooltips(html, type(self)))

    def _get_fitted_attr_html(self, *args: Any, **kwargs: Any) -> Any:
        """Return the summary of the fit before the table of fitted attributes."""
        shown = super()._get_fitted_attr_html(*args, **kwargs)
        return _changed(shown, lambda html: summary_table(fit_summary(self)) + html)


def _changed(shown: Any, change: Callable[[str], str]) -> Any:
    """Return the same object, whose HTML is changed."""
    before = shown._repr_html_inner
    shown._repr_html_inner = lambda: change(before())
    return shown


# ------------------------------------------------------------ parameters


def with_tooltips(html: str, cls: type) -> str:
    """Return the table with a tooltip for each parameter that has no link to its documentation."""
    texts = parameter_texts(cls)

    def cell(found: re.Match[str]) -> str:
        text = texts.get(found[1])
        return found[0] if text is None else f'<td class="param" title="{text}">{found[1]}</td>'

    return re.sub(r'<td class="param">(\w+)</td>', cell, html)


def parameter_texts(cls: type) -> dict[str, str]:
    """Return what the docstring says of each parameter, escaped for HTML."""
    text = inspect.getdoc(cls) or ""
    section = text.partition("\nParameters\n----------\n")[2].partition("\nAttributes\n---")[0]
    entries = re.findall(r"^(\w+) : (.+)\n((?:(?: {4}.*)?\n)*)", section + "\n", re.MULTILINE)
    found = {}
    for name, kind, lines in entries:
        words = " ".join(lines.split())
        words = words if len(words) <= TOOLTIP else f"{words[:TOOLTIP].rsplit(' ', 1)[0]} ..."
        found[name] = escape(f"{name} : {kind}\n{words}")
    return found


# ------------------------------------------------------------ the fit


def fit_summary(model: Any) -> dict[str, str]:
    """Return what the fitted network is and how it was trained, by headings."""
    units = [W.shape[-2] for W in model.coefs_] + [model.n_outputs_]
    activations = ", ".join(dict.fromkeys(model._activations)) or "no hidden layer"
    n_members = 1 if model.coefs_[0].ndim == 2 else len(model.coefs_[0])
    best = model.best_iter_
    rows = {
        "Layers": f"{' - '.join(f'{n:,}' for n in units)} ({activations})",
        "Output": model.out_activation_,
        "Networks": f"{n_members}",
        "Parameters": f"{model.n_parameters_:,}",
        "Epochs": f"{model.n_iter_:,}",
        "Best epoch": "the last one (no validation rows)" if best is None else f"{best:,}",
    }
    if getattr(model, "_fit_seconds", None) is not None:
        rows["Seconds"] = f"{model._fit_seconds:.3g}"
    described = model._encoder.described(range(model.n_features_in_))
    counts = Counter(described["encoding"])
    return {**rows, "Columns": ", ".join(f"{n:,} {name}" for name, n in counts.most_common())}


def summary_table(rows: Mapping[str, str]) -> str:
    """Return the summary as a table of the kind of scikit-learn's."""
    cells = "".join(
        f'<tr class="default"><td class="param">{escape(name)}</td><td>{escape(value)}</td></tr>'
        for name, value in rows.items()
    )
    return (
        '<div class="estimator-table"><details open><summary>Fit</summary>'
        f'<table class="parameters-table"><tbody>{cells}</tbody></table></details></div>'
    )
