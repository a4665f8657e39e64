"""A child process of a worker: decodes, validates, handles."""
