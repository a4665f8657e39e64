"""How long `generate` takes: run by hand with `make compilebench`, never as a test."""
