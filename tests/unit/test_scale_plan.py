"""What `make scale` measures fits together, and its tables go where they belong."""

from __future__ import annotations

import pytest

from tests.scale.plan import HOSTS, all_points, make_points, make_remedies
from tests.scale.report import replace_section


def test_groups_that_share_a_host_share_its_worker() -> None:
    for host in range(HOSTS):
        groups = [point.group for point in all_points() if host in point.group.hosts]
        assert len({(group.processes, group.far, group.pooled) for group in groups}) == 1


def test_hosts_take_no_more_than_the_one_core_that_they_have() -> None:
    for point in all_points():
        assert len(point.group.hosts) * point.host_cores <= 1.0, point


def test_every_point_is_measured_once() -> None:
    points = all_points()
    assert len(set(points)) == len(points)
    assert {*make_points(), *make_remedies().values()} == set(points)


def test_a_queue_is_shared_by_its_group_or_belongs_to_one_host() -> None:
    for point in all_points():
        served = [host for hosts in point.queues.values() for host in hosts]
        assert sorted(served) == list(point.group.hosts)


def test_a_section_is_replaced_up_to_the_next_heading() -> None:
    text = "# A\n\nx\n\n## B\n\nold\n\n# C\n\ny\n"
    assert replace_section(text, "B", "new") == "# A\n\nx\n\n## B\n\nnew\n\n# C\n\ny\n"
    assert replace_section(text, "C", "new").endswith("# C\n\nnew\n")
    with pytest.raises(ValueError, match="one heading `D`"):
        replace_section(text, "D", "new")
