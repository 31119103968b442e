"""Reading below a root."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from kanoa_mlops.hardware.root import Root


def test_numbers_are_decimal_or_hexadecimal_or_none(tmp_path: Path) -> None:
    root = Root(tmp_path)
    for text, number in (("42\n", 42), ("0x10de\n", 0x10DE), ("max\n", None), ("", None)):
        (tmp_path / "file").write_text(text)
        assert root.number("/file") == number


def test_what_is_missing_is_no_trouble(tmp_path: Path) -> None:
    root = Root(tmp_path)
    assert root.text("/none") is None
    assert root.names("/none") == []
    assert root.resolved("/none") is None
    assert not root.exists("/none")
    assert root.unreadable == {}


def test_what_refuses_is_remembered_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    root = Root(tmp_path)
    assert root.text("/loop/file") is None
    assert root.unreadable == {"/loop/file": "Too many levels of symbolic links"}


def test_links_are_followed_within_the_root_only(tmp_path: Path) -> None:
    below = tmp_path / "root"
    (below / "sys/devices/a").mkdir(parents=True)
    (below / "sys/in").symlink_to("devices/a")
    (below / "sys/out").symlink_to(tmp_path)
    root = Root(below)
    assert root.resolved("/sys/in") == PurePosixPath("/sys/devices/a")
    assert root.resolved("/sys/out") is None


def test_bytes_that_are_no_text_are_read_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(b"Jets\xffon\x00")
    assert Root(tmp_path).text("/model") == "Jets\N{REPLACEMENT CHARACTER}on"
