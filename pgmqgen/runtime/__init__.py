"""What a deployed service imports: producers, clients and the worker."""
