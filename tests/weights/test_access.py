"""Gated repositories, through the whole of a pull, against a hub that answers as the real one does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.catalog.types import Licence, Listing, Model, Weights
from kanoa_mlops.errors import AccessRefused, KanoaError, OfflineError, SourceFailed
from kanoa_mlops.settings import Settings
from kanoa_mlops.weights.gate import fetch
from kanoa_mlops.weights.place import weights_folder
from kanoa_mlops.weights.reach import Reach
from tests.weights.hub_server import COMMIT, GRANTED, NARROW, STRANGER, WAITING, Hub
from tests.weights.make import HURRIED, Heard, a_file, noise
from tests.weights.server import FileServer, serving

CLOSED, OPEN = "Org/Closed", "somebody/Open-GGUF"
SNAPSHOT = {"config.json": b"{}", "model.safetensors": noise(3000)}
GGUF = {"tiny-Q8_0.gguf": noise(2000, seed=2)}
LICENCE = "https://licence.example/terms"


@pytest.fixture
def hub(server: FileServer) -> Iterator[Hub]:
    with serving() as cdn:
        hub = Hub(server, cdn)
        hub.publish(CLOSED, SNAPSHOT, gated="manual")
        hub.publish(OPEN, GGUF)
        yield hub


@pytest.fixture
def model(catalog: Catalog) -> Model:
    """As one of the catalog whose publisher asks for acceptance, and which somebody has converted."""
    closed, opened, tagged = (
        Weights(name="bf16", format="safetensors", quantization="bf16", hub=Listing(repo=CLOSED), source="s"),
        Weights.model_validate(
            {
                "name": "q8_0",
                "format": "gguf",
                "quantization": "q8_0",
                "hub": {"repo": OPEN, "files": [{"path": "tiny-Q8_0.gguf"}]},
                "source": "s",
            }
        ),
        Weights(name="ollama", format="ollama", quantization="q8_0", tag="tiny:1b", source="s"),
    )
    licence = Licence(name="Tiny", url=LICENCE, gated=True, source="s")
    like = catalog.models["smollm2-135m-instruct"]
    return like.model_copy(update={"id": "tiny", "licence": licence, "weights": (closed, opened, tagged)})


def give(token: str, settings: Settings) -> None:
    settings.hub_token_file.parent.mkdir(parents=True, exist_ok=True)
    settings.hub_token_file.write_text(token)


def refusal(model: Model, settings: Settings, which: int = 0) -> AccessRefused:
    with pytest.raises(AccessRefused) as caught:
        fetch(model, model.weights[which], settings, Heard(), HURRIED)
    assert caught.value.exit_code == 1
    return caught.value


def fetched(hub: Hub) -> list[str]:
    return [path for path in hub.asked() if "/resolve" in path] + [seen.path for seen in hub.cdn.log]


def nothing_half_made(settings: Settings) -> bool:
    return not [path for path in settings.cache_dir.rglob("*") if path.is_file() and path.suffix != ".lock"]


def test_without_a_token_nothing_is_begun(hub: Hub, model: Model, settings: Settings) -> None:
    error = refusal(model, settings)
    assert error.message == (
        f"tiny bf16 cannot be had: Hugging Face {CLOSED} is gated, and no token was sent (HTTP 401)."
    )
    licence, accept, token, others = error.hint.splitlines()
    assert licence == f"Its licence (Tiny): {LICENCE}"
    assert accept == f"Accept its licence, signed in, at {hub.server.url}/{CLOSED} ."
    assert "`hf auth login`" in token
    assert str(settings.hub_token_file) in token
    assert "HF_TOKEN_PATH" in token
    assert others == f"Without asking anybody: --weights q8_0 ({OPEN}) or ollama (Ollama's tiny:1b)."
    assert fetched(hub) == []
    assert nothing_half_made(settings)


def test_what_is_asked_about_others_goes_without_the_token(
    hub: Hub, model: Model, settings: Settings
) -> None:
    give(STRANGER, settings)
    refusal(model, settings)
    question = hub.server.seen(f"/api/models/{OPEN}/auth-check")
    assert [seen.headers.get("authorization") for seen in question] == [None]


@pytest.mark.parametrize(
    ("token", "said", "todo"),
    [
        (STRANGER, "was not opened to the account of the token in", "Accept its licence"),
        (WAITING, "It says: Your request to access model Org/Closed is awaiting a review", "takes a while"),
        (NARROW, "lacks the right to read such repositories (HTTP 403)", "/settings/tokens: allow"),
        ("hf_unknown", "does not know the token in", "Make a new one at"),
    ],
)
def test_with_a_token_that_will_not_do(
    token: str, said: str, todo: str, hub: Hub, model: Model, settings: Settings
) -> None:
    give(token, settings)
    error = refusal(model, settings)
    assert said in error.message
    assert todo in error.hint
    assert token not in error.message + error.hint
    assert fetched(hub) == []
    assert nothing_half_made(settings)
    # With a token that it does not know, the hub gives nothing at all.
    assert (OPEN in error.hint) == (token != "hf_unknown")


def test_with_access(hub: Hub, model: Model, settings: Settings) -> None:
    give(GRANTED, settings)
    config, tensors = fetch(model, model.weights[0], settings, Heard(), HURRIED)
    assert {config.name: config.read_bytes(), tensors.name: tensors.read_bytes()} == SNAPSHOT


def test_what_is_here_is_used_without_asking(hub: Hub, model: Model, settings: Settings) -> None:
    give(GRANTED, settings)
    fetch(model, model.weights[0], settings, Heard(), HURRIED)
    settings.hub_token_file.unlink()
    hub.server.log.clear()
    fetch(model, model.weights[0], settings, Heard(), HURRIED)
    assert hub.asked() == []


def test_weights_from_elsewhere_need_no_acceptance(hub: Hub, model: Model, settings: Settings) -> None:
    (path,) = fetch(model, model.weights[1], settings, Heard(), HURRIED)
    assert path.read_bytes() == GGUF["tiny-Q8_0.gguf"]
    assert hub.asked()[0] == f"/api/models/{OPEN}/auth-check"


def test_an_old_token_is_in_the_way_of_what_needs_none(hub: Hub, model: Model, settings: Settings) -> None:
    """The hub refuses a token that it does not know even for what everybody may have."""
    give("hf_expired", settings)
    error = refusal(model, settings, which=1)
    assert "it is wrong, has expired or was revoked (HTTP 401)" in error.message
    assert "`hf auth logout` removes it" in error.hint


def test_a_projector_behind_a_gate_is_found_before_the_model_is_fetched(
    hub: Hub, model: Model, settings: Settings
) -> None:
    hub.publish(CLOSED, {"mmproj.gguf": noise(100)}, gated="auto")
    known = [
        a_file(body, {"hub": {"repo": repo, "revision": COMMIT, "path": name}}, name=name)
        for repo, name, body in (
            (OPEN, "tiny-Q8_0.gguf", GGUF["tiny-Q8_0.gguf"]),
            (CLOSED, "mmproj.gguf", noise(100)),
        )
    ]
    weights = Weights.model_construct(name="q8", format="gguf", quantization="q8_0", files=tuple(known))
    with pytest.raises(AccessRefused, match=f"{CLOSED} is gated"):
        fetch(model, weights, settings, Heard(), HURRIED)
    assert fetched(hub) == []


def test_a_gate_that_the_catalog_does_not_know_of(hub: Hub, model: Model, settings: Settings) -> None:
    free = model.model_copy(update={"licence": model.licence.model_copy(update={"gated": False})})
    error = refusal(free, settings)
    assert f"{CLOSED} is gated, and no token was sent" in error.message
    assert "Its licence (Tiny)" not in error.hint, "what the catalog says of it is not true any more"
    assert f"--weights q8_0 ({OPEN})" in error.hint
    assert hub.cdn.log == []


def test_a_mirror_that_does_not_know_the_question(hub: Hub, model: Model, settings: Settings) -> None:
    """It may hold the licence itself."""
    hub.gated.clear()
    del hub.server.files[f"/api/models/{CLOSED}/auth-check"]
    assert len(fetch(model, model.weights[0], settings, Heard(), HURRIED)) == 2


def test_offline_nobody_is_asked(hub: Hub, model: Model, settings: Settings) -> None:
    with pytest.raises(OfflineError):
        fetch(model, model.weights[0], settings.model_copy(update={"offline": True}), Heard(), HURRIED)
    assert hub.asked() == []


def test_a_renamed_repository(hub: Hub, model: Model, settings: Settings) -> None:
    hub.withdraw(OPEN)
    hub.rename(OPEN, "somebody/Newer-GGUF", GGUF)
    heard = Heard()
    (path,) = fetch(model, model.weights[1], settings, heard, HURRIED)
    assert path.read_bytes() == GGUF["tiny-Q8_0.gguf"]
    assert f"Hugging Face {OPEN} is called somebody/Newer-GGUF now." in heard.notes


@pytest.mark.parametrize(("token", "status"), [("", 401), (GRANTED, 404)])
def test_a_repository_that_is_gone(
    token: str, status: int, hub: Hub, model: Model, settings: Settings
) -> None:
    hub.withdraw(OPEN)
    give(token, settings)
    with pytest.raises(SourceFailed, match=rf"does not exist, or is private \(HTTP {status}\)"):
        fetch(model, model.weights[1], settings, Heard(), HURRIED)
    assert not weights_folder(settings, "tiny", model.weights[1]).exists()


@pytest.mark.parametrize(("token", "status"), [("", 401), (GRANTED, 404)])
def test_what_is_pinned_and_gone_is_said_to_be_gone(
    token: str, status: int, hub: Hub, model: Model, settings: Settings
) -> None:
    give(token, settings)
    (path,) = fetch(model, model.weights[1], settings, Heard(), HURRIED)
    path.unlink()
    hub.withdraw(OPEN)
    with pytest.raises(KanoaError, match=rf"does not exist, or is private \(HTTP {status}\)"):
        fetch(model, model.weights[1], settings, Heard(), HURRIED)


def test_a_model_that_nobody_named_is_not_one_behind_a_gate(
    hub: Hub, model: Model, settings: Settings
) -> None:
    reach = Reach(settings)
    assert reach.refusal(model, "bf16") == (
        f"{CLOSED} is closed until its licence was accepted (`pull tiny` says how)"
    )
    assert reach.refusal(model, "q8_0") == ""
    give(GRANTED, settings)
    assert Reach(settings).refusal(model, "bf16") == ""


def test_no_secret_is_shown(hub: Hub, model: Model, settings: Settings, tmp_path: Path) -> None:
    secret = settings.hub_url.replace("//", "//ann:hush@")
    error = refusal(model, settings.model_copy(update={"hub_url": secret}))
    assert "the user and password in `hub_url`" in error.message
    assert "hush" not in error.message + error.hint
