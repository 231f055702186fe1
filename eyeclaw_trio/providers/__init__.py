"""Models that are asked for an answer, and what they share."""
