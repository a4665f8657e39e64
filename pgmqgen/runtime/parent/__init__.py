"""The parent process of a worker: leases, dispatches, settles."""
