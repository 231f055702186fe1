"""What ends a measurement: one line that says why."""


class BenchError(Exception):
    """Something cannot be measured; the text says what and how to mend it."""
