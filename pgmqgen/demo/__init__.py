"""`pgmqgen demo`: the whole main job, end to end, in a temporary place of its own."""
