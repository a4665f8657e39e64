"""Runs the measures of a course, and shows how far it is."""

from __future__ import annotations

from pgmqgen.bench.course import Course
from pgmqgen.bench.machine import describe_machine
from pgmqgen.bench.measure import Measure, Outcome, run_rounds
from pgmqgen.bench.measures import make_measures
from pgmqgen.bench.report import Report, first_finding
from pgmqgen.stage.screen import Screen


def run_bench(course: Course, screen: Screen) -> Report:
    """Run all that the options of a course ask for."""
    rounds = course.options.rounds
    return Report(
        machine=describe_machine(course.subjects[0].url),
        options=course.options,
        outcomes=[_run(measure, rounds, screen) for measure in make_measures(course)],
    )


def _run(measure: Measure, rounds: int, screen: Screen) -> Outcome:
    with screen.step(measure.title) as step:
        outcome = Outcome(measure=measure, samples=list(run_rounds(measure, rounds)))
        step.outcome = first_finding(outcome)
    return outcome
