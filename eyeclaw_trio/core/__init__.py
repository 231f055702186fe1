"""What to decide. Pure: time is an argument and never read, nothing waits, nothing is sent."""
