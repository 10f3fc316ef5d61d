"""Build the site: ``nox -s docs``.  Pages are Markdown, the reference comes from docstrings."""

from __future__ import annotations

import posixpath
import re
from importlib.metadata import version as installed
from typing import TYPE_CHECKING, Any

import caibo
from caibo import bulk, doctor, testing

if TYPE_CHECKING:
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

project = "caibo"
author = "The caibo authors"
copyright = "the caibo authors"
release = installed("caibo")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
nitpicky = True
# What a docstring has in single backticks is a link where it is a public name, else code.
default_role = "py:obj"
# The names of others have no pages here, and to fetch their inventories would take a network.
nitpick_ignore_regex = [
    ("py:obj", ".*"),
    ("py:.*", r"(collections|contextlib|datetime|decimal|httpx|os|typing)\..*"),
    # Aliases, of which the reference shows the name alone.
    ("py:class", r"APIClient|Mode|.*\.(Conclusion|Details)"),
    # Values of a `Literal`, and the first half of `dict[str, ...]`.
    ("py:class", r"'.*'|\d+|dict\[str"),
]

myst_heading_anchors = 4
myst_links_external_new_tab = False

autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
python_display_short_literal_types = True
maximum_signature_line_length = 80

html_theme = "furo"
html_title = f"caibo {release}"
html_static_path = ["_static"]
html_favicon = "_static/caibo.svg"
html_css_files = ["caibo.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_last_updated_fmt = None
smartquotes_action = "D"  # dashes, and no quotation marks

PUBLIC = [f"{m.__name__}.{name}" for m in (bulk, doctor, testing, caibo) for name in m.__all__]
# Files of the repository that are pages of the site.
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "CHANGELOG.md": "changelog.md",
}


def linked(text: str, folder: str) -> str:
    """Let the links of a page lead to pages of the site, where it stood in `folder`."""

    def target(match: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(folder, match[1]))
        page = PAGES.get(path) or posixpath.relpath(path, "docs")
        # What is no page is a file to download.
        return f"]({'path:' * page.startswith('..')}{page}{match[2] or ''})"

    text = re.sub(r"\[[\w/-]+\.md\](?=\()", "[]", text)  # the page's title instead of its file
    return re.sub(r"\]\(((?![a-z]+:|#)[^)#\s]+)(#[^)\s]+)?\)", target, text)


def page_read(_: Sphinx, name: str, source: list[str]) -> None:
    """Rewrite a page of docs/; those of the reference are written for the site."""
    if "/" not in name:
        source[0] = linked(source[0], "docs")


def included(_: Sphinx, path: Any, __: str, source: list[str]) -> None:
    """Rewrite a page of the repository that a page of the site includes."""
    source[0] = linked(source[0], posixpath.dirname(posixpath.normpath(f"docs/{path}")))


def resolve(app: Sphinx, env: BuildEnvironment, node: pending_xref, shown: Any) -> Any:
    """Find a public name by the module in which it is defined, and a page by its file."""
    target = node["reftarget"]
    if target.startswith("docs/"):
        node["reftarget"] = f"/{target.removeprefix('docs/').removesuffix('.md')}"
        standard = env.domains.standard_domain
        return standard.resolve_xref(env, node["refdoc"], app.builder, "doc", "", node, shown)
    name = target.rpartition(".")[2]
    known = [public for public in PUBLIC if public.endswith(f".{name}")]
    if node.get("refdomain") != "py" or not known:
        return None
    module = target.removesuffix(f".{name}")
    nearest = next((one for one in known if module.startswith(one.rpartition(".")[0])), known[0])
    python = env.domains.python_domain
    return python.resolve_xref(env, node["refdoc"], app.builder, "obj", nearest, node, shown)


def signature(
    _: Sphinx, __: str, ___: str, ____: object, _____: object, given: str | None, result: str | None
) -> tuple[str | None, str | None]:
    """Leave out the default with which the verbs tell that the id comes first."""
    return given and given.replace("id: int = …, /", "id: int, /"), result


def setup(app: Sphinx) -> None:
    """Let Sphinx call the above."""
    app.connect("source-read", page_read)
    app.connect("include-read", included)
    app.connect("missing-reference", resolve)
    app.connect("autodoc-process-signature", signature)
