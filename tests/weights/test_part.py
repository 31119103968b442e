from __future__ import annotations

from pathlib import Path

from kanoa_mlops.settings import Settings
from kanoa_mlops.weights.part import open_part
from tests.weights.make import Heard, noise, sha256

BODY = noise(1000)


def test_a_part_goes_on_where_it_was_left(settings: Settings, heard: Heard, tmp_path: Path) -> None:
    with open_part(settings, sha256(BODY), "tiny", heard) as part:
        part.append(BODY[:400])
    with open_part(settings, sha256(BODY), "tiny", heard) as part:
        assert part.size == 400
        part.append(BODY[400:])
        assert part.sha256 == sha256(BODY)
        part.become(tmp_path / "new" / "tiny.gguf")
    assert (tmp_path / "new" / "tiny.gguf").read_bytes() == BODY
    assert list((settings.cache_dir / "downloads").iterdir()) == []


def test_a_part_begins_anew(settings: Settings, heard: Heard) -> None:
    with open_part(settings, sha256(BODY), "tiny", heard) as part:
        part.append(b"something else")
        part.restart()
        part.append(BODY)
        assert (part.size, part.sha256) == (1000, sha256(BODY))
        assert part.path.read_bytes() == BODY
        part.discard()
        assert not part.path.exists()
