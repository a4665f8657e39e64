"""What operators do to queues: a registry in, SQL out."""
