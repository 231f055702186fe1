"""What is made of a picture, without the process that it is made in."""

from __future__ import annotations

import io
from typing import Any, Final

import pytest
from made_pictures import (
    BLUE,
    RED,
    declared_png,
    halves,
    photographed,
    qr_code,
    turned,
    written,
)
from PIL import Image
from processes import FIXTURES

from eyeclaw_trio.photos.picture_worker import work
from eyeclaw_trio.photos.pictures import LARGEST_JPEG, LONGEST_SIDE, MOST_PIXELS

ORDER: Final = {
    "do": "jpeg",
    "side": LONGEST_SIDE,
    "bytes": LARGEST_JPEG,
    "pixels": MOST_PIXELS,
}


def made(data: bytes, **order: Any) -> Image.Image:
    """The JPEG that is made of it."""
    head, body = work(ORDER | order, data)
    assert "fault" not in head, head
    picture = Image.open(io.BytesIO(body))
    assert picture.format == "JPEG"
    picture.load()
    return picture


def fault(data: bytes, **order: Any) -> str:
    head, body = work(ORDER | order, data)
    assert body == b""
    return str(head["fault"])


def is_near(picture: Image.Image, place: tuple[int, int], colour: tuple[int, int, int]) -> bool:
    found = picture.convert("RGB").getpixel(place)
    assert isinstance(found, tuple)
    return all(abs(a - b) < 40 for a, b in zip(found, colour, strict=True))


@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        *(("JPEG", "RGB"), ("JPEG", "L"), ("JPEG", "CMYK"), ("PNG", "RGB"), ("PNG", "RGBA")),
        *(("PNG", "P"), ("PNG", "LA"), ("PNG", "1"), ("PNG", "I;16"), ("WEBP", "RGB")),
        *(("WEBP", "RGBA"), ("GIF", "P"), ("BMP", "RGB"), ("AVIF", "RGB"), ("MPO", "RGB")),
    ],
)
def test_every_kind_of_picture_becomes_a_jpeg_in_plain_colours(kind: str, mode: str) -> None:
    picture = made(written(halves(mode=mode), kind))
    assert picture.mode == "RGB"
    assert picture.size == (400, 200)
    if mode in ("RGB", "RGBA", "P", "CMYK"):
        assert is_near(picture, (50, 100), RED)
        assert is_near(picture, (350, 100), BLUE)


@pytest.mark.parametrize(
    ("orientation", "size", "red"),
    [
        (1, (400, 200), (50, 100)),
        (2, (400, 200), (350, 100)),
        (3, (400, 200), (350, 100)),
        (6, (200, 400), (100, 50)),
        (8, (200, 400), (100, 350)),
        (99, (400, 200), (50, 100)),
    ],
)
def test_a_photo_is_turned_upright_and_says_no_more_where_it_was_taken(
    orientation: int, size: tuple[int, int], red: tuple[int, int]
) -> None:
    data = turned(orientation)
    assert b"a camera with a name" in data
    picture = made(data)
    assert picture.size == size
    assert is_near(picture, red, RED)
    assert not picture.getexif()
    assert b"a camera" not in work(ORDER, data)[1]


def test_a_large_photo_becomes_as_small_as_models_look_at() -> None:
    assert made(written(halves(4000, 3000), "JPEG")).size == (LONGEST_SIDE, 1176)
    assert made(written(halves(3000, 40), "PNG")).size == (LONGEST_SIDE, 21)
    assert made(written(halves(30, 40), "PNG")).size == (30, 40)


def test_the_jpeg_is_made_smaller_until_it_fits_or_refused() -> None:
    noise = Image.effect_noise((1500, 1500), 120).convert("RGB")
    data = written(noise, "PNG")
    assert made(data).width == 1050  # and not as many as there are
    assert len(work(ORDER, data)[1]) <= LARGEST_JPEG
    assert fault(data, bytes=1000) == "photo_large"


def test_what_is_seen_through_is_white() -> None:
    clear = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
    assert is_near(made(written(clear, "PNG")), (20, 20), (255, 255, 255))


def test_of_a_moving_picture_the_first_frame_is_taken() -> None:
    frames = [Image.new("RGB", (40, 40), colour) for colour in (RED, BLUE, BLUE)]
    data = written(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert is_near(made(data), (20, 20), RED)


@pytest.mark.parametrize(("width", "height"), [(40_000, 40_000), (8000, 6400), (65_000, 800)])
def test_a_bomb_is_refused_by_the_size_that_it_declares(width: int, height: int) -> None:
    data = declared_png(width, height)
    assert len(data) < 400_000
    assert fault(data) == "photo_large"


def test_as_many_pixels_as_are_allowed_are_opened() -> None:
    assert made(declared_png(800, 600), pixels=480_000).size == (800, 600)
    assert fault(declared_png(800, 601), pixels=480_000) == "photo_large"


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"\0", b"not a picture", b"<html><body>", b"%PDF-1.7\n"),
        *(b"GIF89a", b"RIFF\0\0\0\0WEBP"),
        b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
        b"\xff\xd8\xff\xe0 and nothing behind it",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        b"\0\0\0\x18ftypheic\0\0\0\0mif1heic and no more",
        written(halves(), "PNG")[:200],
        written(halves(800, 600), "JPEG")[:3000],
        written(halves(), "TIFF"),
        written(halves(), "PDF"),
        written(halves(), "ICO"),
        b"\x89PNG\r\n\x1a\n" + b"\0" * 100,
    ],
    ids=range(17),
)  # fmt: skip
def test_what_is_no_photo_is_refused(data: bytes) -> None:
    assert fault(data) == "photo_no_image"


@pytest.mark.parametrize("start", range(0, 2000, 97))
def test_a_photo_with_any_bytes_changed_becomes_a_jpeg_or_is_refused(start: int) -> None:
    for kind in ("JPEG", "PNG", "WEBP", "GIF", "AVIF"):
        data = bytearray(written(halves(), kind))
        place = start % len(data)
        data[place : place + 8] = b"\xff" * len(data[place : place + 8])
        head, body = work(ORDER, bytes(data))
        assert head.get("fault") in (None, "photo_no_image", "photo_large")
        assert bool(body) is ("fault" not in head)


TEXT: Final = "EYECLAW:ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@pytest.mark.parametrize(
    ("angle", "light", "part"),
    [(0, 1, 0.5), (17, 1, 0.5), (90, 1, 0.4), (45, 0.6, 0.4), (-33, 0.25, 0.5), (8, 0.5, 0.16)],
)
def test_a_code_is_read_from_a_bad_photo(angle: float, light: float, part: float) -> None:
    data = photographed(TEXT, angle=angle, light=light, part=part)
    assert work({"do": "codes", "pixels": MOST_PIXELS}, data) == ({"codes": [TEXT]}, b"")


def test_all_codes_of_a_photo_are_read_and_none_is_no_fault() -> None:
    order = {"do": "codes", "pixels": MOST_PIXELS}
    both = Image.new("RGB", (700, 400), "white")
    both.paste(qr_code("one"), (20, 20))
    both.paste(qr_code("two"), (360, 20))
    head, _ = work(order, written(both, "PNG"))
    assert sorted(head["codes"]) == ["one", "two"]
    assert work(order, written(halves(), "JPEG")) == ({"codes": []}, b"")
    assert work(order, b"none")[0]["fault"] == "photo_no_image"


def test_a_photo_of_a_phone_in_heic_is_opened() -> None:
    data = (FIXTURES / "photo.heic").read_bytes()
    picture = made(data)
    assert picture.size == (96, 64)
    assert is_near(picture, (10, 32), RED)
    assert is_near(picture, (85, 32), BLUE)
    assert fault(data, pixels=6000) == "photo_large"
