"""Whose pages may come in."""

import pytest

from app.domain.accounts.service import Origins

LISTED = "https://app.example.com"


@pytest.mark.parametrize(
    ("origin", "host", "public", "allowed"),
    [
        (None, "headgate.example.com", True, True),
        ("https://headgate.example.com", "10.0.0.1:8000", True, True),
        ("https://10.0.0.1:8000", "10.0.0.1:8000", True, False),
        ("http://10.0.0.1:8000", "10.0.0.1:8000", False, True),
        (LISTED, "headgate.example.com", True, True),
        (LISTED.upper(), "headgate.example.com", True, False),
        ("https://evil.example", "headgate.example.com", False, False),
        ("null", "headgate.example.com", False, False),
        ("", "", False, False),
    ],
)
def test_a_socket_is_opened_by_our_pages_listed_ones_and_what_is_no_page(
    origin: str | None, host: str, *, public: bool, allowed: bool
) -> None:
    origins = Origins("https://headgate.example.com", public=public, listed=[LISTED])

    assert origins.may_open_socket(origin, host) is allowed
