"""`pgmqgen bench`: how fast the queues of a project are on a database, next to bare pgmq."""
