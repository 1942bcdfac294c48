"""Check the built documentation: ``python .ci/check_site.py build/html``.

Each link within the site leads to a page, and to a place on it, that exists; no page loads anything
from elsewhere; each public name has a page of its own; each page has its Markdown twin.
"""

import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

LOADED = {("script", "src"), ("img", "src"), ("link", "href"), ("iframe", "src"), ("source", "src")}


class Page(HTMLParser):
    """The links of a page, what it loads, and the places that links can lead to."""

    def __init__(self, path: Path):
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.places: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("id", "name") and value:
                self.places.add(value)
            elif (tag, name) in LOADED and value:
                self.loads.append(value)
            elif (tag, name) == ("a", "href") and value:
                self.links.append(value)


def public_names() -> Iterator[str]:
    """Yield the dotted name of each public class, function and set of parameters."""
    for path in [*sorted((ROOT / "sknet").glob("[!_]*.py")), ROOT / "sknet" / "__init__.py"]:
        if path.stem == "compile":  # a command
            continue
        dotted = "sknet" if path.stem == "__init__" else f"sknet.{path.stem}"
        module = import_module(dotted)
        names = getattr(module, "__all__", [name for name in vars(module) if name.isupper()])
        yield from (f"{dotted}.{name}" for name in names)


def html_of(site: Path) -> list[Path]:
    """Return the pages, without what themes keep among their files."""
    return sorted(path for path in site.rglob("*.html") if site / "_static" not in path.parents)


def complaints(site: Path) -> Iterator[str]:
    """Yield what is wrong with the site."""
    pages = {path: Page(path) for path in html_of(site)}
    for path, page in pages.items():
        where = path.relative_to(site)
        for link in page.links + page.loads:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                if link in page.loads and parts.scheme != "data":
                    yield f"{where}: loads {link}"
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.exists():
                yield f"{where}: no such file: {link}"
            elif parts.fragment and unquote(parts.fragment) not in pages[target].places | {"top"}:
                yield f"{where}: no such place: {link}"
    for name in public_names():
        if not (site / "generated" / f"{name}.html").exists():
            yield f"{name}: no page"
    for path in pages:
        made = path.name in ("genindex.html", "search.html", "py-modindex.html")
        if not made and not path.with_suffix(".md").exists():
            yield f"{path.relative_to(site)}: no Markdown"
    if not (site / "llms.txt").exists():
        yield "no llms.txt"


def main() -> int:
    site = Path(sys.argv[1]).resolve()
    found = list(complaints(site))
    count = len(html_of(site))
    print("\n".join(found) or f"site: {count} pages, every link resolves, every name has its page")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
