"""How it is and how it was: what is not well, turns over time, the newest failures."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from eyeclaw_trio.admin.api.resource import Resource, answer_json
from eyeclaw_trio.admin.findings import find_faults
from eyeclaw_trio.admin.office import office_of
from eyeclaw_trio.admin.overview_views import read_behind
from eyeclaw_trio.admin.presence_views import span_of
from eyeclaw_trio.core.turn_counts import FIRST_CHUNK_BOUNDS, RELAY_BOUNDS, quantile


async def show(request: Request) -> Response:
    """`GET /admin/api/overview`. Raises RequestRefused and StoreError; cancelled, nothing has
    happened."""
    behind = await read_behind(request, span_of(request))
    turns: list[dict[str, Any]] = [
        {
            "began": column.began,
            "turns": column.counts.turns,
            "failed": column.counts.failed,
            "lost": column.counts.lost,
            "first_chunk_ms": _delays(FIRST_CHUNK_BOUNDS, column.counts.first_chunk),
            "relay_ms": _delays(RELAY_BOUNDS, column.counts.relay),
        }
        for column in behind.statistics.columns
    ]
    return answer_json(
        {
            "faults": await find_faults(request),
            "seconds": behind.statistics.width,
            "turns": turns,
            "failures": behind.failures,
            "providers": dict(office_of(request).surroundings.describe_providers()),
        }
    )


def _delays(bounds: tuple[float, ...], counts: list[int]) -> dict[str, float | None]:
    shares = (("p50", 0.5), ("p95", 0.95))
    return {name: quantile(bounds, counts, share) for name, share in shares}


RESOURCE: Final = Resource("overview", [Route("/admin/api/overview", show)])
