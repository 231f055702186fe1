"""How all tests run: no example of a random test is judged by the time it takes on this machine."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
