"""Where an API is, as its owner writes it in a file."""

from __future__ import annotations

from urllib.parse import urlsplit


def parse_api_address(text: str, key_field: str) -> tuple[str, str]:
    """Its scheme, http or https, and its host. There is no key in it, no query and no fragment.

    Args:
        key_field: of the same file, which names the file that holds the key.

    Raises:
        ValueError: it is no such address.
    """
    try:
        url = urlsplit(text)
        host, _ = url.hostname, url.port
    except ValueError as error:
        raise ValueError(f"it is no address: {error}") from error
    if url.scheme not in ("http", "https") or not host or not text.isascii() or not text.isprintable():
        raise ValueError("it is no address; write it as in 'https://api.example.com/v1'")
    if url.username is not None or url.query or url.fragment:
        raise ValueError(f"it has more than host and path; a key belongs in a file, see {key_field}")
    return url.scheme, host
