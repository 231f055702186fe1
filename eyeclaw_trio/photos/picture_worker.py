"""The process that opens one picture: a program by itself, which imports nothing of ours.

Pictures come from strangers, and what opens them is written in C: here it may crash, loop or ask
for all memory, and ends with this process. It reads a line of JSON with what is wanted and then the
picture from stdin, and writes a line of JSON, and perhaps a JPEG, to stdout.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import sys
from typing import Any, Final

# What is opened, by Pillow's names. What draws (SVG, EPS, PDF) or is rare and badly kept is not
# among them.
FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "AVIF")
# Of these Pillow loads by itself only the others.
_PLUGINS: Final = ("PIL.WebPImagePlugin", "PIL.AvifImagePlugin")
# HEIC needs a library of its own, which is loaded only for it.
_HEIF: Final = "HEIF"
_HEIF_BRANDS: Final = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
# Tried from the first to the last until the JPEG is small enough: part of the side, and quality.
SIZES: Final = ((1.0, 85), (1.0, 70), (0.7, 70), (0.5, 60))
# For reading codes: beyond this longest side (pixels) more of it shows nothing more.
CODE_SIDE: Final = 3000
# Bytes of address space, and seconds of processor time.
MEMORY: Final = 1_536 * 1_048_576
PROCESSOR_SECONDS: Final = 8


class Refused(Exception):
    """The picture is not opened. `fault` is a value of `errors.PhotoFault`."""

    def __init__(self, fault: str, why: str) -> None:
        self.fault = fault
        super().__init__(why)


def limit_process() -> None:
    """From now on this process can neither take all memory nor run for ever, nor keep an answer
    from being written: it gives way to everybody else. Not every system knows each limit."""
    with contextlib.suppress(AttributeError, OSError):
        os.nice(10)
    try:
        import resource
    except ImportError:  # Windows
        return
    for name, most in (
        ("RLIMIT_AS", MEMORY),
        ("RLIMIT_CPU", PROCESSOR_SECONDS),
        ("RLIMIT_CORE", 0),
        ("RLIMIT_FSIZE", 0),
    ):
        with contextlib.suppress(AttributeError, ValueError, OSError):
            resource.setrlimit(getattr(resource, name), (most, most))


def open_picture(data: bytes, pixels: int) -> Any:
    """The picture, of which only the head has been read. Raises Refused for more than so many
    pixels, by what it says itself: nothing of it has been unpacked by then."""
    from PIL import Image, UnidentifiedImageError

    formats = [*FORMATS]
    if data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS:
        import pi_heif

        pi_heif.register_heif_opener()
        formats = [_HEIF]
    for name in _PLUGINS:
        importlib.import_module(name)
    Image.MAX_IMAGE_PIXELS = None  # the bound is ours
    try:
        picture = Image.open(io.BytesIO(data), formats=formats)
    except UnidentifiedImageError:
        raise Refused("photo_no_image", "it is no picture of a known kind") from None
    width, height = picture.size
    if width * height > pixels:
        raise Refused("photo_large", f"it opens to {width} x {height} pixels")
    return picture


def shrink(picture: Any, side: int) -> Any:
    """Unpacked, upright, at most `side` pixels long, and in plain colours on white."""
    from PIL import Image, ImageOps

    picture.draft("RGB", (side, side))  # of a JPEG only as much as is needed is unpacked
    if picture.mode in ("P", "1", "PA"):
        picture = picture.convert("RGBA")  # a palette cannot be shrunk
    elif picture.mode.startswith(("I", "F")):
        picture = picture.convert("L")
    turned = picture.getexif().get(0x0112, 1)
    picture.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=2.0)
    if turned != 1:
        picture = ImageOps.exif_transpose(picture)
    if picture.mode in ("RGBA", "LA", "RGBa", "La"):
        picture = picture.convert("RGBA")
        white = Image.new("RGB", picture.size, "white")
        white.paste(picture, mask=picture.getchannel("A"))
        return white
    return picture.convert("RGB")


def make_jpeg(picture: Any, size: int) -> bytes:
    """As a JPEG of at most so many bytes, without anything beside the picture: no place, no
    camera. Raises Refused where none is that small."""
    for part, quality in SIZES:
        written = io.BytesIO()
        shown = picture.copy()
        if part < 1:
            shown.thumbnail((picture.width * part, picture.height * part))
        shown.save(written, "JPEG", quality=quality, optimize=True)
        if written.tell() <= size:
            return written.getvalue()
    raise Refused("photo_large", "it does not become small enough")


def read_codes(picture: Any) -> list[str]:
    """The texts of all codes that can be found, also in a bad photo."""
    import zxingcpp
    from PIL import Image, ImageOps

    grey = shrink(picture, CODE_SIDE).convert("L")
    tries = [grey, ImageOps.autocontrast(grey, cutoff=1)]
    if max(grey.size) <= CODE_SIDE // 2:
        doubled = (2 * grey.width, 2 * grey.height)
        tries.append(grey.resize(doubled, Image.Resampling.BICUBIC))
    for shown in tries:
        found = zxingcpp.read_barcodes(shown)
        if texts := [each.text for each in found if each.text]:
            return texts
    return []


def work(wanted: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    """Do what is wanted: the answer's head, and its body."""
    try:
        picture = open_picture(data, wanted["pixels"])
        if wanted["do"] == "codes":
            return {"codes": read_codes(picture)}, b""
        return {}, make_jpeg(shrink(picture, wanted["side"]), wanted["bytes"])
    except Refused as refused:
        return {"fault": refused.fault, "why": str(refused)}, b""
    except MemoryError:
        return {"fault": "photo_large", "why": "it takes too much memory"}, b""
    except Exception as error:  # whatever strangers' bytes make a decoder raise
        return {"fault": "photo_no_image", "why": f"it is broken ({type(error).__name__})"}, b""


def main() -> None:
    """Read one order and its picture, answer, end."""
    limit_process()
    order, _, data = sys.stdin.buffer.read().partition(b"\n")
    head, body = work(json.loads(order), data)
    sys.stdout.buffer.write(json.dumps(head).encode() + b"\n" + body)


if __name__ == "__main__":
    main()
