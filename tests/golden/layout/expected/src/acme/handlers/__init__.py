"""The handlers: one module a queue. These files are yours; `pgmqgen generate` keeps them."""
