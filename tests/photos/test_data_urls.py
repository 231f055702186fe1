"""Pictures within their own address."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyeclaw_trio.errors import PhotoFault, PhotoRefused
from eyeclaw_trio.photos.data_url import is_data_url, make_data_url, read_data_url


@given(st.binary(max_size=200))
def test_what_was_written_as_an_address_is_read_again(data: bytes) -> None:
    address = make_data_url(data)
    assert is_data_url(address)
    assert read_data_url(address, 200) == data


def test_types_and_spellings_of_pictures_are_taken() -> None:
    text = base64.b64encode(b"photo").decode()
    for head in (
        "data:image/png;base64,",
        "DATA:Image/WebP; x=1; BASE64,",
        "data:image/heic;base64,",
    ):
        assert is_data_url(head + text)
        assert read_data_url(head + text, 100) == b"photo"


@pytest.mark.parametrize(
    ("address", "fault"),
    [
        ("data:", PhotoFault.NO_IMAGE),
        ("data:,x", PhotoFault.NO_IMAGE),
        ("data:text/html;base64,aGk=", PhotoFault.NO_IMAGE),
        ("data:image/svg+xml;base64,aGk=", PhotoFault.NO_IMAGE),
        ("data:image/png,aGk=", PhotoFault.NO_IMAGE),
        ("data:image/png;base64,a*b=", PhotoFault.NO_IMAGE),
        ("data:image/png;base64,aGk", PhotoFault.NO_IMAGE),
        ("data:image/png;base64,图", PhotoFault.NO_IMAGE),
        ("data:image/png;base64," + "a" * 200, PhotoFault.LARGE),
    ],
)
def test_what_holds_no_picture_or_too_large_a_one_is_refused(
    address: str, fault: PhotoFault
) -> None:
    with pytest.raises(PhotoRefused) as refused:
        read_data_url(address, 100)
    assert refused.value.fault is fault


def test_as_many_bytes_as_are_allowed_are_read() -> None:
    for size in range(97, 101):
        assert len(read_data_url(make_data_url(b"x" * size), 100)) == size
    with pytest.raises(PhotoRefused):
        read_data_url(make_data_url(b"x" * 103), 100)
