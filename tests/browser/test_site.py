"""The site in a real browser: light, dark and narrow; nothing overflows, all links lead somewhere."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from pgmqgen.cli.app import run

PROJECTS = {
    "example": Path(__file__).parents[2],
    "catalogue": Path(__file__).parents[1] / "functional" / "catalogue",
}
_DRIVER, _BROWSER = shutil.which("chromedriver"), shutil.which("chromium")
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage",
)  # fmt: skip
_LEAST_CONTRAST = 4.5
# Contrast by WCAG of each piece of text against the nearest background that is painted.
_CONTRASTS = """
const light = ([r, g, b]) => [r, g, b].map(c => c / 255)
  .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
  .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
const rgb = text => text.match(/[\\d.]+/g).map(Number);
const behind = node => {
  for (; node; node = node.parentElement) {
    const found = rgb(getComputedStyle(node).backgroundColor);
    if (found.length === 3 || found[3] === 1) return found;
  }
  return [255, 255, 255];
};
return [...document.querySelectorAll("body *")]
  .filter(node => [...node.childNodes].some(c => c.nodeType === 3 && c.data.trim()))
  .map(node => {
    const [a, b] = [light(rgb(getComputedStyle(node).color)), light(behind(node))];
    return [node.tagName + "." + node.className, (Math.max(a, b) + .05) / (Math.min(a, b) + .05)];
  });
"""
_LINKS = "return [...document.querySelectorAll('a[href]')].map(a => a.href)"
_IDS = "return [...document.querySelectorAll('[id]')].map(node => node.id)"
_BROKEN = """
return [...document.querySelectorAll('.queues tbody th a')]
  .filter(a => a.textContent.length <= 20 && a.getClientRects().length > 1).map(a => a.textContent)
"""
_HEADINGS = "return [...document.querySelectorAll('h1,h2,h3,h4')].map(h => +h.tagName[1])"

pytestmark = pytest.mark.skipif(
    _DRIVER is None or _BROWSER is None, reason="chromium and chromedriver are not installed"
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    options = ChromeOptions()
    options.binary_location = str(_BROWSER)
    for flag in (*_FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options=options, service=Service(str(_DRIVER)))
    yield driver
    driver.quit()


@pytest.fixture(scope="module", params=PROJECTS)
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of a project, in a folder whose name a URL has to escape."""
    folder = tmp_path_factory.mktemp("a site & more")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(PROJECTS[request.param])
        assert run(["docs", "--output", str(folder)]) == 0
    return folder


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_looks(browser: Chrome, site: Path, scheme: str, width: int) -> None:
    _emulate(browser, scheme, width)
    for page in sorted(site.rglob("*.html")):
        browser.get(page.as_uri())
        _save_screenshot(browser, site, f"{page.stem}-{scheme}-{width}")
        wide = browser.execute_script("return document.documentElement.scrollWidth")
        assert wide <= width, page.name
        paper = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
        is_dark = sum(map(int, paper.strip("rgb()").split(","))) < 150
        assert is_dark == (scheme == "dark")
        pale = [each for each in browser.execute_script(_CONTRASTS) if each[1] < _LEAST_CONTRAST]
        assert pale == [], page.name
        assert browser.get_log("browser") == [], page.name


@pytest.mark.parametrize("width", [1280, 800, 360])
def test_names_of_queues_stand_in_one_line(browser: Chrome, site: Path, width: int) -> None:
    _emulate(browser, "light", width)
    browser.get((site / "index.html").as_uri())
    assert browser.execute_script(_BROKEN) == []


def test_links_lead_somewhere(browser: Chrome, site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    ids: dict[str, list[str]] = {}
    links: set[str] = set()
    for page in pages:
        browser.get(page.as_uri())
        ids[page.as_uri()] = browser.execute_script(_IDS)
        links |= set(browser.execute_script(_LINKS))
        assert len(ids[page.as_uri()]) == len(set(ids[page.as_uri()])), page.name
    files = {path.as_uri() for path in site.rglob("*.*")}
    for link in (link for link in links if link.startswith("file:")):
        address, _, anchor = link.partition("#")
        assert address in files
        assert not anchor or anchor in ids[address], link


def test_structure(browser: Chrome, site: Path) -> None:
    for page in sorted(site.rglob("*.html")):
        browser.get(page.as_uri())
        levels: list[int] = browser.execute_script(_HEADINGS)
        assert levels.count(1) == 1
        outline = [level for level in levels if level != 1]
        assert all(b <= a + 1 for a, b in zip([1, *outline], outline, strict=False)), page.name
        assert browser.execute_script("return document.documentElement.lang") == "en"
        assert browser.execute_script("return document.querySelectorAll('main').length") == 1


def _emulate(browser: Chrome, scheme: str, width: int) -> None:
    media: dict[str, Any] = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def _save_screenshot(browser: Chrome, site: Path, name: str) -> None:
    """Keep a picture beside the site, or where PGMQGEN_SCREENSHOTS says."""
    folder = Path(os.environ.get("PGMQGEN_SCREENSHOTS", site.parent / "screenshots"))
    folder.mkdir(exist_ok=True)
    assert browser.save_screenshot(str(folder / f"{name}.png"))
