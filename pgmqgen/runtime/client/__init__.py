"""Sends to and reads from one queue."""
