"""Pictures of every kind, good and hostile, made on the spot."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any, Final

import segno
from PIL import Image, ImageEnhance, ImageFilter

RED: Final = (200, 30, 40)
BLUE: Final = (20, 40, 200)


def halves(width: int = 400, height: int = 200, mode: str = "RGB") -> Image.Image:
    """Red on the left, blue on the right: which way is up can be seen."""
    picture = Image.new("RGB", (width, height), RED)
    picture.paste(BLUE, (width // 2, 0, width, height))
    return picture.convert(mode)


def written(picture: Image.Image, kind: str, **options: Any) -> bytes:
    data = io.BytesIO()
    picture.save(data, kind, **options)
    return data.getvalue()


def turned(orientation: int) -> bytes:
    """A JPEG that says by EXIF which way it is up, and where it was taken."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "a camera with a name"
    return written(halves(), "JPEG", exif=exif)


def declared_png(width: int, height: int) -> bytes:
    """A PNG of some hundred bytes that opens to so many black pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    squeeze = zlib.compressobj(9)
    row = b"\0" + b"\0" * ((width + 7) // 8)
    rows = b"".join(squeeze.compress(row) for _ in range(height)) + squeeze.flush()
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def qr_code(text: str, scale: int = 8) -> Image.Image:
    data = io.BytesIO()
    segno.make(text, error="m", micro=False).save(data, kind="png", scale=scale, border=4)
    return Image.open(io.BytesIO(data.getvalue())).convert("RGB")


def photographed(text: str, *, angle: float = 0, light: float = 1, part: float = 0.5) -> bytes:
    """A screen with this code as glasses may see it: turned, dim, and only a part (of the shorter
    side) of a picture that is blurred a little."""
    code = qr_code(text)
    side = int(960 * part)
    code = code.resize((side, side), Image.Resampling.BICUBIC)
    code = code.rotate(angle, expand=True, fillcolor=(120, 130, 120))
    scene = Image.new("RGB", (1280, 960), (120, 130, 120))
    scene.paste((60, 50, 40), (0, 700, 1280, 960))
    scene.paste(code, ((1280 - code.width) // 3, (960 - code.height) // 3))
    scene = ImageEnhance.Brightness(scene.filter(ImageFilter.GaussianBlur(0.8))).enhance(light)
    return written(scene, "JPEG", quality=80)
