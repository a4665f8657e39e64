"""Where the demo and the benchmarks perform: a temporary project, a server beside it, a screen."""
