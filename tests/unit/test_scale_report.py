"""What a run of `make scale` writes: the page's sections, the plot, and JSON."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.scale.accounting import KINDS
from tests.scale.measure import Sample
from tests.scale.plan import FITTED, all_points
from tests.scale.profile import Profile
from tests.scale.report import Report, replace_section
from tests.scale.result import Measured

PAGE = Path(__file__).parents[2] / "docs" / "scaling.md"


@pytest.fixture
def report() -> Report:
    """Of a run in which every drain went alike."""
    cpu_us = dict.fromkeys(KINDS, 10.0)
    samples = [
        Sample(rate, 250.0, 5.0, 600.0, cpu_us, others=0.1) for rate in (9_000, 10_000, 12_000)
    ]
    measured = [Measured(point, samples, 0.5, 0.1) for point in all_points()]
    profile = Profile(Counter({"IO: WalSync": 3, "on the CPU": 1}), 10, 2.0, 0.95)
    return Report("PostgreSQL 18, 2 cores:", measured, {FITTED["order"]: profile}, wait_us=1060.0)


def test_every_section_has_a_heading_of_the_page(report: Report) -> None:
    text = PAGE.read_text()
    for title, body in report.sections().items():
        text = replace_section(text, title, body)
        assert body in text


def test_tables_are_whole(report: Report) -> None:
    for body in report.sections().values():
        rows = [line for line in body.splitlines() if line.startswith("|")]
        assert len(rows) > 2
        assert len({row.count("|") for row in rows}) == 1


def test_a_row_shows_the_median_and_the_range(report: Report) -> None:
    assert "10,000 (9,000 to 12,000)" in report.sections()["Predicted and measured"]
    assert "| IO: WalSync | 75 % |" in report.sections()["Where the time goes"]


def test_the_plot_is_xml_with_a_dot_for_each_number_of_hosts(report: Report) -> None:
    root = ElementTree.fromstring(report.chart())
    assert len(root.findall("{*}circle")) == 8
    assert len(root.findall("{*}polyline")) == 2


def test_all_figures_are_json(report: Report) -> None:
    found = json.loads(json.dumps(report.as_json()))
    assert len(found["points"]) == len(all_points())
    assert found["profiles"][0]["states"] == {"IO: WalSync": 3, "on the CPU": 1}
