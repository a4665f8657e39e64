"""PostgreSQL as a worker and a client talk to it: connections, statements, errors."""
