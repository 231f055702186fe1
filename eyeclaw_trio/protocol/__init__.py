"""What the bytes mean: bytes in, messages out, messages to bytes. Pure: no trio, no clock."""
