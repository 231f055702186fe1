"""The admin listener: metrics and pages, Starlette on hypercorn, loopback unless configured."""
