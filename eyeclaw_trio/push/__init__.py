"""Speaking to glasses outside an answer: the platform's callback (PROTOCOL 7)."""
