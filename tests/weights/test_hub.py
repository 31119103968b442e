from __future__ import annotations

import pytest

from kanoa_mlops.errors import SettingsError
from kanoa_mlops.settings import Settings
from kanoa_mlops.weights.hub import cached_copies, hub_remote
from tests.weights.make import HUB_PATH, NAME, REPO, REVISION, a_file, noise

FILE = a_file(noise(1000))


def test_the_address_names_the_commit(settings: Settings) -> None:
    assert FILE.origins[0].hub is not None
    remote = hub_remote(FILE.origins[0].hub, settings, name=NAME, size=FILE.size)
    assert remote.address.url == settings.hub_url + HUB_PATH
    assert remote.address.authorization == ""
    assert remote.source == f"Hugging Face {REPO}"


def authorization(settings: Settings) -> str:
    assert FILE.origins[0].hub is not None
    return hub_remote(FILE.origins[0].hub, settings, name=NAME, size=FILE.size).address.authorization


def test_the_token_is_read_from_its_file(settings: Settings) -> None:
    assert FILE.origins[0].hub is not None
    settings.hub_token_file.parent.mkdir(parents=True)
    settings.hub_token_file.write_text("hf_secret\n")
    assert (
        hub_remote(FILE.origins[0].hub, settings, name=NAME, size=FILE.size).address.authorization
        == "Bearer hf_secret"
    )
    settings.hub_token_file.write_text("\n")
    assert authorization(settings) == ""


@pytest.mark.parametrize("token", ["hf_secret and more", "hf_secret\nhf_other", "hf_sécret"])
def test_what_cannot_be_a_token_is_refused_and_not_shown(token: str, settings: Settings) -> None:
    assert FILE.origins[0].hub is not None
    settings.hub_token_file.parent.mkdir(parents=True)
    settings.hub_token_file.write_text(token, encoding="utf-8")
    with pytest.raises(SettingsError, match="does not hold a token") as caught:
        hub_remote(FILE.origins[0].hub, settings, name=NAME, size=FILE.size)
    assert "cret" not in str(caught.value)


def test_the_hubs_cache_is_searched_by_checksum_and_by_name(settings: Settings) -> None:
    assert list(cached_copies(FILE, settings)) == []
    folder = settings.hub_cache / "models--org--tiny-GGUF"
    for path in (folder / "blobs" / FILE.sha256, folder / "snapshots" / REVISION / NAME):
        path.parent.mkdir(parents=True)
        path.touch()
    assert list(cached_copies(FILE, settings)) == [
        folder / "blobs" / FILE.sha256,
        folder / "snapshots" / REVISION / NAME,
    ]
