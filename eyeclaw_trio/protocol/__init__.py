"""What the bytes mean. Bytes in, messages out, messages to bytes; pure: no trio, no clock, no I/O."""
