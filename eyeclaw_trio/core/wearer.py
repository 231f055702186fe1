"""What the gateway adds for whoever wears the glasses: the group `[wearer]`."""

from __future__ import annotations

from attrs import frozen


@frozen
class WearerSettings:
    """`photo_question` is what a model is asked about a photo that came without words.
    `allow_private_images` is for tests: photos from private addresses."""

    photo_question: str = "图里是什么？"
    allow_private_images: bool = False
