"""A Markdown page as a scenario: what a reader would copy, in the order of the page.

A block under a line that ends with a file name in backticks and a colon is that file. Blocks of
sh, python and sql are run; a block of text or json after one is its expected output, where
`...` stands for anything. Comments, which readers do not see, say the rest:

    <!-- not run: REASON -->          the next block is only to be read
    <!-- exits N -->                  the next block is to end with this status
    <!-- stopped after: TEXT -->      its last command prints TEXT, then gets a SIGTERM, and exits 0
    <!-- setup -->                    the next block goes before every later python block
    <!-- setup, sh, python or sql, and lines of it --> a block that is not shown
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

from markdown_it import MarkdownIt
from markdown_it.token import Token

Kind = Literal["file", "setup", "sh", "python", "sql", "output"]

_RUNNABLE = ("sh", "python", "sql")
_FILE_ABOVE = re.compile(r"`([\w.][\w./-]*\.\w+)`:$")
_COMMENT = re.compile(r"<!--\s*(.*?)\s*-->\s*", re.DOTALL)


class PageError(Exception):
    """A block or comment that the page's scenario has no use for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One block of a page.

    place: `page:line`
    section: the heading that it stands under
    path: of the file that the block is, or None
    status: the exit status that a runnable block is to have
    stop_after: text in its output after which it gets a SIGTERM, or None
    """

    place: str
    section: str
    kind: Kind
    text: str
    path: str | None = None
    status: int = 0
    stop_after: str | None = None


def read_page(page: Path) -> list[Step]:
    """The steps of a page. Raises PageError for what cannot be run."""
    return list(_Reader(page).steps())


class _Reader:
    def __init__(self, page: Path) -> None:
        self._name = page.name
        tokens = MarkdownIt().enable("table").parse(page.read_text(encoding="utf-8"))
        self._tokens = [Token("start", "", 0), *tokens]
        self._above = self._section = ""
        self._marks: dict[str, str] = {}
        self._may_have_output = False

    def steps(self) -> Iterator[Step]:
        for before, token in pairwise(self._tokens):
            match token.type:
                case "fence":
                    yield from self._read_block(token)
                    self._above, self._marks = "", {}
                case "html_block":
                    yield from self._read_comments(token)
                case "inline":
                    self._above = token.content
                    if before.type == "heading_open":
                        self._section = token.content
                case "code_block":
                    raise self._error(token, "a block without a language")

    def _read_block(self, token: Token) -> Iterator[Step]:
        language = token.info
        named = _FILE_ABOVE.search(self._above)
        if "not run" in self._marks:
            return
        if named:
            yield self._step(token, "file", path=named[1])
        elif "setup" in self._marks and language == "python":
            yield self._step(token, "setup")
        elif language in _RUNNABLE:
            self._may_have_output = True
            yield self._step(token, language)
        elif language in ("text", "json") and self._may_have_output:
            self._may_have_output = False
            yield self._step(token, "output")
        else:
            raise self._error(token, f"nothing is to be done with a block of `{language}`")

    def _read_comments(self, token: Token) -> Iterator[Step]:
        for comment in _COMMENT.findall(token.content):
            head, _, body = comment.partition("\n")
            if body and head in ("setup", *_RUNNABLE):
                yield self._step(token, head, text=body)
            elif mark := re.fullmatch(r"(setup)|(exits) (\d+)|(not run|stopped after): (.+)", head):
                _, *pairs = mark.groups()
                self._marks |= {"setup": ""} if mark[1] else {}
                self._marks |= {k: v for k, v in zip(pairs[::2], pairs[1::2], strict=True) if k}
            elif not re.fullmatch(r"\w+:(begin|end)", head):  # what is between, a program writes
                raise self._error(token, f"unknown comment `{head}`")

    def _step(
        self, token: Token, kind: str, *, text: str | None = None, path: str | None = None
    ) -> Step:
        return Step(
            place=self._place(token),
            section=self._section,
            kind=kind,  # type: ignore[arg-type]
            text=token.content if text is None else text,
            path=path,
            status=int(self._marks.get("exits", 0)),
            stop_after=self._marks.get("stopped after"),
        )

    def _error(self, token: Token, message: str) -> PageError:
        return PageError(f"{self._place(token)}: {message}")

    def _place(self, token: Token) -> str:
        return f"{self._name}:{token.map[0] + 1 if token.map else 1}"
