"""The data folder: SQLite, its one writer thread, and the snapshot that requests read."""
