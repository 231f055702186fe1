"""Values that any message may hold."""

from __future__ import annotations

from hypothesis import strategies as st

from eyeclaw_trio.protocol.bot import HIGHEST_SEQUENCE

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


any_sequence = st.integers(0, HIGHEST_SEQUENCE)
