"""The JSON API for scripts: one module a resource, described by the JSON file of its name."""
