"""A front door described in a file, and what a wrong one is told."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiohttp import web

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.errors import SettingsError
from kanoa_mlops.gateway.backends import Backends
from kanoa_mlops.gateway.burst.grant import Burst
from kanoa_mlops.gateway.burst.secret import Secrets
from kanoa_mlops.gateway.config import backend_of, burst_in, read_config
from kanoa_mlops.gateway.watch import Watch

GOOD = """\
backends:
  - model: gemma-3-12b-it
    aliases: [gemma, vision]
    url: http://gemma:8000
    engine: vllm
    sees: true
    context: 32768
"""
BURST = """\
burst:
  allowed:
    - {provider: groq, for: gemma, with: gpt-oss-120b, plan: free}
"""


def pool(*extra: str) -> str:
    """So many backends of one model, each with a line more."""
    one = GOOD.removeprefix("backends:\n")
    return "backends:\n" + "".join(f"{one}    {line}\n" for line in extra)


def written(folder: Path, text: str) -> Path:
    path = folder / "gateway.yaml"
    path.write_text(text)
    return path


def test_every_field_reaches_the_backend(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("secret\n")
    text = GOOD + f"    key_file: {tmp_path / 'key'}\n    upstream_model: other\n"
    [config] = read_config(written(tmp_path, text)).backends
    backend = backend_of(config)
    assert backend.url == "http://gemma:8000"
    assert backend.headers == {"Authorization": "Bearer secret"}
    assert (backend.engine_model, backend.sees, backend.context_tokens) == ("other", True, 32768)
    assert backend.state == "unknown"


def test_what_is_not_said_is_as_engines_commonly_are(tmp_path: Path) -> None:
    config = read_config(written(tmp_path, GOOD))
    [backend] = config.backends
    assert (backend.id, backend.tier, backend.parallel) == ("gemma-3-12b-it", "local", 256)
    assert (backend.tools, backend.structured) == (True, True)
    assert (config.queue.length, config.queue.seconds, config.burst) == (64, 300, None)


def test_what_is_said_of_a_backend_and_of_the_queue(tmp_path: Path) -> None:
    text = pool("id: a\n    tier: lan\n    parallel: 4\n    tools: false\n    structured: false")
    config = read_config(written(tmp_path, text + "queue: {length: 3, seconds: 20}\n"))
    [backend] = config.backends
    assert (backend.id, backend.tier, backend.parallel) == ("a", "lan", 4)
    assert (backend.tools, backend.structured) == (False, False)
    assert backend_of(backend).tier == "lan"
    assert (config.queue.length, config.queue.seconds) == (3, 20)


def test_backends_of_one_model_are_a_pool_and_numbered(tmp_path: Path) -> None:
    config = read_config(written(tmp_path, pool("", "tier: lan", "id: gemma-3-12b-it-2", "")))
    assert [each.id for each in config.backends] == [
        "gemma-3-12b-it",
        "gemma-3-12b-it-3",
        "gemma-3-12b-it-2",
        "gemma-3-12b-it-4",
    ]


def test_burst_is_a_section_like_the_file(tmp_path: Path, catalog: Catalog) -> None:
    config = read_config(written(tmp_path, GOOD + BURST))
    key_of = Secrets({"GROQ_API_KEY": "k"}).key_of
    [grant] = burst_in(config, catalog, key_of).grants
    assert (grant.id, grant.model, grant.free) == ("groq", "gemma", True)
    assert burst_in(read_config(written(tmp_path, GOOD)), catalog, key_of) == Burst()


def test_what_cannot_be_granted_is_shown_in_this_file(tmp_path: Path, catalog: Catalog) -> None:
    path = written(tmp_path, GOOD + BURST.replace("groq", "grok"))
    with pytest.raises(SettingsError) as refused:
        burst_in(read_config(path), catalog, Secrets({}).key_of)
    assert refused.value.message.startswith(f"{path}:10: burst.allowed.0.provider: there is no provider")


def test_a_backend_and_a_provider_have_ids_of_their_own(tmp_path: Path, catalog: Catalog) -> None:
    key_of = Secrets({"GROQ_API_KEY": "k"}).key_of
    config = read_config(written(tmp_path, pool("id: groq") + BURST))
    assert [each.id for each in burst_in(config, catalog, key_of).grants] == ["groq-2"]
    path = written(tmp_path, pool("id: groq") + BURST.replace("plan:", "id: groq, plan:"))
    with pytest.raises(SettingsError, match=r":11: burst\.allowed\.0\.id: groq is there twice"):
        burst_in(read_config(path), catalog, key_of)


def test_a_file_that_cannot_be_looked_for_is_told_as_one_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"cannot be read: File name too long\.$"):
        read_config(tmp_path / ("a" * 300))


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("backends: []", 1, "backends: it is empty."),
        ("", 1, "the file"),
        (GOOD + "    colour: red\n", 8, "backends.0.colour: unknown key"),
        (GOOD.replace("http://gemma:8000", "gemma"), 4, "backends.0.url: it is no address"),
        (GOOD.replace("http", "ftp"), 4, "backends.0.url: it is no address"),
        (GOOD.replace("32768", "0"), 7, "backends.0.context"),
        (GOOD.replace("32768", "8k"), 7, "'8k' is not a number of tokens"),
        (GOOD.replace("vllm", "lama.cpp"), 5, "backends.0.engine: 'lama.cpp' is not known; write llama.cpp."),
        (GOOD.replace("vllm", "llamacpp b1"), 5, "write llama.cpp or ollama."),
        (GOOD.replace("vllm", "llama-cpp"), 5, "'llama-cpp' is not known; write llama.cpp."),
        (GOOD.replace("vllm", "vllmm-0.32"), 5, "'vllmm-0.32' is not known; write vllm."),
        (GOOD.replace("    engine: vllm\n", ""), 2, "backends.0.engine: it is missing"),
        (GOOD + GOOD.removeprefix("backends:\n").replace("gemma-3-12b-it", "Gemma"), 8, "'gemma'"),
        (GOOD + GOOD.removeprefix("backends:\n").replace("gemma-3-12b-it", "other"), 9, "'gemma'"),
        (pool("id: a", "id: a"), 15, "backends.1.id: a is there twice"),
        (pool("id: a b"), 8, "backends.0.id: String should match"),
        (pool("tier: hosted"), 8, "backends.0.tier: what is hosted is allowed in the burst section"),
        (pool("tier: moon"), 8, "backends.0.tier: it must be 'local', 'lan' or 'cloud'"),
        (pool("parallel: 0"), 8, "backends.0.parallel"),
        (pool("parallel: many"), 8, "backends.0.parallel: it is not a whole number."),
        (pool("tools: perhaps"), 8, "backends.0.tools: it is neither true nor false."),
        (GOOD + "queue: {length: -1}\n", 8, "queue.length"),
        (GOOD + "queue: {seconds: .inf}\n", 8, "queue.seconds"),
        (GOOD + "queue: {minutes: 1}\n", 8, "queue.minutes: unknown key"),
        (GOOD + BURST.replace("plan", "plane"), 10, "burst.allowed.0.plane: unknown key"),
        (GOOD + BURST + "open: true\n", 11, "open: what asks for no keys and keeps no books spends no money"),
        ("backends: [", 2, "not YAML"),
        ("- a", 1, "the file"),
    ],
)
def test_a_wrong_file_is_refused_by_its_place(tmp_path: Path, text: str, line: int, words: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(SettingsError) as refused:
        read_config(path)
    assert refused.value.message.startswith(f"{path}:{line}: ")
    assert words in refused.value.message


@pytest.mark.parametrize(
    ("text", "line", "place", "hint"),
    [
        # It is missing as well, which says less.
        (GOOD.replace("url:", "ulr:"), 4, "backends.0.ulr", "Did you mean url?"),
        (GOOD.replace("backends:", "backend:"), 1, "backend", "Did you mean backends?"),
        (GOOD + "queue: {lenght: 64}\n", 8, "queue.lenght", "Did you mean length?"),
        (GOOD + "queue: {minutes: 1}\n", 8, "queue.minutes", "Known here: length, seconds."),
        (GOOD + BURST.replace("with:", "wiht:"), 10, "burst.allowed.0.wiht", "Did you mean with?"),
        (
            GOOD + BURST.replace("plan: free", "limits: {request_per_day: 4}"),
            10,
            "burst.allowed.0.limits.request_per_day",
            "Did you mean requests_per_day?",
        ),
    ],
)
def test_a_misspelled_key_is_told_with_what_was_meant(
    tmp_path: Path, text: str, line: int, place: str, hint: str
) -> None:
    path = written(tmp_path, text)
    with pytest.raises(SettingsError) as refused:
        read_config(path)
    assert refused.value.message == f"{path}:{line}: {place}: unknown key."
    assert refused.value.hint == hint


def test_an_address_as_clients_have_it_is_the_engines(tmp_path: Path) -> None:
    for end in ("", "/", "/v1", "/v1/"):
        [config] = read_config(written(tmp_path, GOOD.replace(":8000", f":8000{end}"))).backends
        assert backend_of(config).url == "http://gemma:8000"
    [config] = read_config(written(tmp_path, GOOD.replace(":8000", ":8000/llm/v1"))).backends
    assert backend_of(config).url == "http://gemma:8000/llm"


def test_tokens_are_written_as_in_the_burst_section(tmp_path: Path) -> None:
    for said in ("32768", "32768 tokens", "'32768'"):
        [config] = read_config(written(tmp_path, GOOD.replace("32768", said))).backends
        assert config.context == 32768


def test_engines_that_nothing_is_known_of_are_taken_by_their_name(tmp_path: Path) -> None:
    # The last are a fork, what stands before an engine, and one that has only parts of a name of ours.
    others = ("llama.cpp-server", "ik_llama.cpp", "my-ollama", "vLLM-Ascend", "kanoa-mlops.lan", "llamafile")
    for name in ("vLLM 0.32", "llama.cpp b11549", "llama.cpp-b11549", "SGLang", "Ollama", *others):
        [config] = read_config(written(tmp_path, GOOD.replace("vllm", name))).backends
        assert config.engine == name


def test_a_missing_file_or_key_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.yaml"):
        read_config(tmp_path / "none.yaml")
    [config] = read_config(written(tmp_path, GOOD + f"    key_file: {tmp_path / 'key'}\n")).backends
    with pytest.raises(SettingsError, match=r"yaml:8: backends\.0\.key_file: The key of gemma-3-12b-it"):
        backend_of(config)


def test_a_key_is_counted_from_the_folder_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("secret\n")
    [config] = read_config(written(tmp_path, GOOD + "    key_file: key\n")).backends
    assert backend_of(config).engine_key == "secret"


async def test_states_follow_the_engine(tmp_path: Path) -> None:
    status = 503

    async def health(request: web.Request) -> web.Response:
        return web.Response(status=status)

    app = web.Application()
    app.router.add_get("/health", health)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    [config] = read_config(written(tmp_path, GOOD.replace("http://gemma:8000", url))).backends
    backends = Backends([backend_of(config)])
    watching = asyncio.create_task(Watch(backends).keep(config.id, config.health, 0.02))

    async def until(state: str) -> str:
        async with asyncio.timeout(20):
            # Before the first answer it is unknown.
            while backends.all()[0].state != state or bool(backends.all()[0].reason) == (state == "ready"):
                await asyncio.sleep(0.01)
        return backends.all()[0].reason

    try:
        assert "loads the model" in await until("loading")
        status = 200
        assert not await until("ready")
        status = 500
        assert "HTTP 500" in await until("down")
        status = 200
        await until("ready")
        await runner.cleanup()
        assert "not reached" in await until("down")
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await runner.cleanup()
