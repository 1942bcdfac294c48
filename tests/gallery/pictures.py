"""Run one example, and print what is wrong with its pictures: ``python pictures.py EXAMPLE``.

A process of its own: warnings are errors, and pyplot is not that of the tests. A second argument is
a folder in which the pictures are saved.
"""

import itertools
import os
import runpy
import sys
from pathlib import Path

#: Pixels, at 100 dots an inch, by which the boxes of two texts may overlap: boxes have a margin.
TOUCHING = 2.0
#: Points of the smallest letters that are legible.
SMALLEST = 7.0


def labels_of(axis):
    """Return the tick labels of an axis that lie within its limits."""
    low, high = sorted(axis.get_view_interval())
    ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
    shown = (tick for tick in ticks if low <= tick.get_loc() <= high)
    return [text for tick in shown for text in (tick.label1, tick.label2)]


def texts_of(figure):
    """Return all texts of a figure that are drawn."""
    texts = list(figure.texts)
    texts += [text for text in (figure._suptitle, figure._supxlabel, figure._supylabel) if text]
    for legend in figure.legends:
        texts += legend.get_texts()
    for ax in figure.axes:
        texts += [ax.title, ax._left_title, ax._right_title, *ax.texts]
        if ax.get_legend():
            texts += [ax.get_legend().get_title(), *ax.get_legend().get_texts()]
        if ax.axison:
            for axis in (ax.xaxis, ax.yaxis):
                texts += [axis.label, axis.offsetText, *labels_of(axis)]
    return list(
        {
            id(text): text for text in texts if text.get_visible() and text.get_text().strip()
        }.values()
    )


def overlaps(figure):
    """Yield a line for each pair of texts that overlap, and for each that leaves the figure."""
    renderer = figure.canvas.get_renderer()
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in texts_of(figure)]
    for text, box in boxes:
        outside = min(box.x0, box.y0, figure.bbox.x1 - box.x1, figure.bbox.y1 - box.y1)
        if outside < -TOUCHING:
            yield f"{text!r} leaves the figure by {-outside:.0f} pixels"
    for (text, box), (other, its_box) in itertools.combinations(boxes, 2):
        width = min(box.x1, its_box.x1) - max(box.x0, its_box.x0)
        height = min(box.y1, its_box.y1) - max(box.y0, its_box.y0)
        if min(width, height) > TOUCHING:
            yield f"{text!r} and {other!r} overlap"


def is_named(axis, siblings):
    """Return whether an axis has a name, no labels, labels of text, or a sibling with a name."""
    labels = [text.get_text() for text in labels_of(axis) if text.get_visible()]
    words = [label for label in labels if any(map(str.isalpha, label.replace("mathdefault", "")))]
    return not any(labels) or bool(words) or any(sibling.label.get_text() for sibling in siblings)


def nameless(figure):
    """Yield a line for each axis with numbers and no name."""
    for place, ax in enumerate(figure.axes):
        if not ax.axison:
            continue
        for name in ("x", "y"):
            shared = getattr(ax, f"get_shared_{name}_axes")().get_siblings(ax)
            axes = [getattr(sibling, f"{name}axis") for sibling in shared]
            if not is_named(getattr(ax, f"{name}axis"), axes) and not figure._supxlabel:
                yield f"axes {place}: the {name} axis has no name"


def small(figure):
    """Yield a line for each text of letters that are too small."""
    for text in texts_of(figure):
        if text.get_fontsize() < SMALLEST:
            yield f"{text.get_text()!r} has {text.get_fontsize():.0f} points"


def faults(figure):
    """Return all that is wrong with a figure, a line each."""
    figure.canvas.draw()
    return [*overlaps(figure), *nameless(figure), *small(figure)]


def main(path, folder=None):
    os.environ["MPLBACKEND"] = "Agg"
    import matplotlib.pyplot as plt  # here, since pytest imports all modules for their doctests

    plt.show = lambda: None
    sys.argv = [path]
    runpy.run_path(path, run_name="__main__")
    figures = [plt.figure(number) for number in plt.get_fignums()]
    for number, figure in enumerate(figures, 1):
        for fault in faults(figure):
            print(f"FAULT figure {number}: {fault}")
        if folder:
            figure.savefig(Path(folder) / f"{Path(path).stem}_{number}.png", dpi=100)
    if not figures:
        print("FAULT no figure")


if __name__ == "__main__":
    main(*sys.argv[1:])
