"""What clients of the cable write."""

from __future__ import annotations

SDK_IDENTIFIER = '{"channel":"BotChannel","bot_id":"1"}'
