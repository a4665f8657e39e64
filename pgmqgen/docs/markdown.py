"""Descriptions are CommonMark: the one importer of markdown-it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from pgmqgen.errors import ConfigError

if TYPE_CHECKING:
    from markdown_it import MarkdownIt


def render_markdown(text: str) -> str:
    """Text as HTML. HTML in it is shown as text; headings and images are not made."""
    return str(_parser().render(text)) if text else ""


@cache
def _parser() -> MarkdownIt:
    try:
        from markdown_it import MarkdownIt
    except ImportError as error:
        raise ConfigError(
            "markdown-it-py is not installed", hint="install pgmqgen[codegen]"
        ) from error
    # A page has headings of its own, and loads nothing.
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    return parser.disable(["heading", "lheading", "image", "html_block", "html_inline"])
