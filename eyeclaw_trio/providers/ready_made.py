"""Providers that need nothing but their key: their addresses, a model, and where the key is.

One whose key is in the environment is there without being configured; a table of its name, empty
even, makes it be there in any case, and changes what it says.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import field, frozen

from eyeclaw_trio.core.provider_timing import Region


@frozen
class ReadyMade:
    """The defaults of one name. The key is in the first of `key_variables` that is set.

    `extra` belongs to `model`: another model may know nothing of it.
    """

    base_url: str
    model: str
    key_variables: tuple[str, ...]
    region: Region
    extra: Mapping[str, Any] = field(factory=dict)

    def find_key(self, environ: Mapping[str, str]) -> str | None:
        """The variable that has a key, or None."""
        return next((each for each in self.key_variables if environ.get(each, "").strip()), None)


# All of them are of this kind, which is also that of a provider that says no other.
KIND: Final = "openai"

_NVIDIA: Final = "https://integrate.api.nvidia.com/v1"
# Without a key of their own, NVIDIA's two have one together.
READY_MADE: Final[Mapping[str, ReadyMade]] = {
    "nvidia1": ReadyMade(
        _NVIDIA, "meta/llama-3.3-70b-instruct", ("NVIDIA1_API_KEY", "NVIDIA_API_KEY"), "abroad"
    ),
    "nvidia2": ReadyMade(
        _NVIDIA, "meta/llama-3.1-8b-instruct", ("NVIDIA2_API_KEY", "NVIDIA_API_KEY"), "abroad"
    ),
    "zhipu": ReadyMade(
        "https://open.bigmodel.cn/api/paas/v4",
        "glm-4.7-flash",
        ("ZHIPU_API_KEY", "ZHIPUAI_API_KEY"),
        "home",
        # It would think before it speaks, and a wearer waits for the first word.
        {"thinking": {"type": "disabled"}},
    ),
    "hunyuan": ReadyMade(
        "https://api.hunyuan.cloud.tencent.com/v1",
        "hunyuan-turbos-latest",
        ("HUNYUAN_API_KEY",),
        "home",
    ),
    "openclaw": ReadyMade(
        "http://127.0.0.1:18789/v1", "openclaw/main", ("OPENCLAW_GATEWAY_TOKEN",), "home"
    ),
}
