"""A program a contestant, run with the Python or Node of the contestant's own environment.

Each takes a role: `prepare` (make the tables), `fill COUNT` (enqueue drained jobs as fast as it can),
`send COUNT RATE` (enqueue one by one, so many a second), `work` (handle jobs until SIGTERM).
"""
