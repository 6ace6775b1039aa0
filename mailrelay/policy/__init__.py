"""What is allowed: facts and a reading of the clock in, a verdict out.

Everything here is pure. Nothing waits, asks, logs, counts or remembers; what must be known is handed in as plain
values.
"""
