"""Every block of the documentation runs, in the order of its page; every link leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.reader import Reader
from tests.docs.scenario import PageError, read_page

REPOSITORY = Path(__file__).parents[2]
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
@pytest.mark.usefixtures("local_directory")
def test_page_works_as_written(
    page: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, database_url: str
) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    notes = tmp_path_factory.getbasetemp() / f"notes-{page.stem}"
    reader = Reader(folder, database_url, notes)
    for step in read_page(page):
        reader.follow(step)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    for link in _links(page):
        if link.startswith(("http://", "https://")):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), f"{page.name} links to {link}"
        if anchor:
            assert anchor in _anchors(target), f"{page.name} links to {link}"


def test_the_readme_links_every_page() -> None:
    linked = {link.partition("#")[0] for link in _links(PAGES[0])}
    assert {f"docs/{page.name}" for page in PAGES[1:]} <= linked


@pytest.mark.parametrize(
    "text",
    ["```yaml\na: 1\n```\n", "```text\nout\n```\n", "<!-- runs -->\n", "```\nno language\n```\n",
     "```sh\ntrue\n```\n```text\na\n```\n```text\nb\n```\n"],
)  # fmt: skip
def test_a_block_without_a_use_is_an_error(tmp_path: Path, text: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(text)
    with pytest.raises(PageError, match=r"page\.md:\d+: "):
        read_page(page)


def _links(page: Path) -> list[str]:
    return _LINK.findall(_FENCE.sub("", page.read_text(encoding="utf-8")))


def _anchors(page: Path) -> set[str]:
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
