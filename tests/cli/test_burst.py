"""`burst`, as a person runs it."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.cli.burst import allow
from kanoa_mlops.cli.burst_change import Wanted, _Asked
from kanoa_mlops.gateway.books.sqlite import SqliteStore
from kanoa_mlops.gateway.burst.grant import Burst
from kanoa_mlops.gateway.burst.read import read_burst
from kanoa_mlops.runtime.state import server_folder
from kanoa_mlops.settings import load_settings
from tests.cli.test_plan import run
from tests.gateway.books.making import entry
from tests.runtime.test_state import ENGINE, record

GROQ = ("burst", "allow", "groq", "--for", "gpt-oss-120b")
MINE = ("burst", "allow", "groq", "--for", "mine", "--with", "gpt-oss-120b")
KEY = "gsk-0123456789"


@pytest.fixture
def file(home: Path) -> Path:
    return home / "config" / "burst.yaml"


@pytest.fixture
def key() -> str:
    os.environ["GROQ_API_KEY"] = KEY  # as it was again after each test
    return KEY


def granted(file: Path, catalog: Catalog) -> Burst:
    return read_burst(file, catalog, {"GROQ_API_KEY": KEY, "HF_TOKEN": "x"})


def test_it_says_what_leaves_and_on_which_terms_and_then_allows(
    file: Path, catalog: Catalog, key: str
) -> None:
    made = run(*GROQ, "--max-per-day", "$2.50", "--max-per-month", "20")
    assert (made.returncode, made.stdout) == (0, "")
    [grant] = granted(file, catalog).grants
    assert (grant.id, grant.model, grant.key) == ("groq", "gpt-oss-120b", KEY)
    assert (grant.micro_per_day, grant.micro_per_month) == (2_500_000, 20_000_000)
    lines = made.stderr.splitlines()
    assert all(len(line) <= 80 for line in lines[:-1])
    told = {line[:12].strip(): line[12:] for line in lines if line[:1].strip()}
    assert told["What"] == "Whole requests for gpt-oss-120b, with their prompts."
    assert told["To"] == "Groq, openai/gpt-oss-120b at https://api.groq.com/openai/v1"
    assert told["Data"].startswith(catalog.providers["groq"].data_policy.summary[:40])
    assert told["Price"].startswith("$ 0.15 / 0.60 for a million tokens of prompt / answer, read")
    assert told["At most"] == "$2.50 a day, $20.00 a month"
    assert told["Limits"] == "1,000 req/min, 250,000 tok/min"
    assert told["Key"] == "It is there, and is sent to them alone."
    assert told["Take back"] == "kanoa-mlops burst revoke groq --for gpt-oss-120b"
    assert lines[-1] == f"It is allowed, in {file}."
    assert KEY not in made.stderr + file.read_text()


def test_said_again_it_changes_what_is_said_anew_alone(file: Path, catalog: Catalog) -> None:
    assert run(*GROQ, "--max-per-day", "2", "--max-per-month", "9").returncode == 0
    file.write_text("# mine\n" + file.read_text())
    first = file.read_text()
    assert run(*GROQ, "--max-per-day", "2").returncode == 0
    assert file.read_text() == first
    assert run(*GROQ, "--max-per-day", "5").returncode == 0
    assert file.read_text() == first.replace("max_per_day: 2 $", "max_per_day: 5 $")
    [grant] = granted(file, catalog).grants
    assert (grant.micro_per_day, grant.micro_per_month) == (5_000_000, 9_000_000)


def test_the_free_plan_is_named_and_costs_nothing(file: Path, catalog: Catalog) -> None:
    made = run(*GROQ, "--plan", "free")
    assert "None; this is the free plan." in made.stderr
    assert "GROQ_API_KEY is not set" in made.stderr
    assert [grant.free for grant in granted(file, catalog).grants] == [True]


def test_what_takes_images_says_so(file: Path) -> None:
    made = run("burst", "allow", "huggingface", "--for", "gemma", "--with", "qwen3-vl-8b-instruct",
               "--max-per-day=1")  # fmt: skip
    assert "Whole requests for gemma, with their prompts and images." in made.stderr


def test_a_key_file_is_named_as_a_whole_path(file: Path, catalog: Catalog, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY)
    (tmp_path / "key").chmod(0o600)
    assert run(*GROQ, "--max-per-day=1", "--key-file", os.path.relpath(tmp_path / "key")).returncode == 0
    [grant] = read_burst(file, catalog, {}).grants
    assert grant.key == KEY


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (GROQ, "error: openai/gpt-oss-120b is offered free and paid.\nAdd --plan free if your account has "
               "that plan, or else --max-per-day 2.\n"),
        (("burst", "allow", "huggingface", "--for", "gpt-oss-120b"), "be spent.\nAdd --max-per-day 2.\n"),
        (("burst", "allow", "grok", "--for", "x"), "PROVIDER: there is no provider 'grok' in the catalog.\n"
               "Did you mean groq"),
        (("burst", "allow", "groq", "--for", "x"), "error: --for: Groq does not offer 'x'"),
        (("burst", "allow", "groq", "--for", "x"), "another model than the served one is named by --with."),
        (("burst", "allow", "cloudflare", "--for", "gpt-oss-120b", "--plan=free"), "Add --account, which"),
        (("burst", "allow", "cloudflare", "--for", "gpt-oss-120b", "--account=../x"), "error: --account: St"),
        (("burst", "allow", "huggingface", "--for", "gpt-oss-120b", "--account=x"), "\nLeave --account out."),
        ((*GROQ, "--max-per-day", ".50"), "'.50' is what a shell leaves of $2.50"),
        ((*GROQ, "--max-per-day", "0"), "'0' is what a shell leaves of $20"),
        ((*GROQ, "--max-per-day", ""), "'' is what a shell leaves of $2;"),
        ((*GROQ, "--max-per-day", "much"), "'much' is not a sum of dollars"),
        ((*GROQ, "--max-per-day", "1", "--key-file", "/no/key"), "error: --key-file: /no/key cannot be read"),
        (("burst", "revoke", "groq"), "groq is not allowed.\n`kanoa-mlops burst list` shows what is.\n"),
    ],
)  # fmt: skip
def test_what_cannot_be_allowed_is_told_and_nothing_is_written(
    file: Path, arguments: tuple[str, ...], complaint: str
) -> None:
    refused = run(*arguments)
    assert refused.returncode == 1
    assert complaint in refused.stderr
    assert not file.exists()


def test_what_is_wrong_is_told_in_options_that_there_are() -> None:
    wanted = Wanted("groq", "x", "y", "paid", "me", 1, 1, Path("key"))
    options = {option for each in allow.params for option in each.opts}
    asked = _Asked.model_validate({"provider": "groq", "for": "x"})
    assert {asked.setting(field) for field in ("for", *wanted.fields())} <= options
    assert asked.setting("max_per_day", "2 $") == "--max-per-day 2"


def test_a_wrong_file_is_told_by_its_line_and_left(file: Path) -> None:
    file.parent.mkdir()
    file.write_text("burst:\n  colour: red\n")
    for arguments in (GROQ, ("burst", "list"), ("burst", "revoke", "groq")):
        refused = run(*arguments)
        assert refused.returncode == 1
        assert refused.stderr == (
            f"error: {file}:2: burst.colour: unknown key.\n"
            "Known here: after, max_per_day, max_per_month, allowed.\n"
        )
    assert file.read_text() == "burst:\n  colour: red\n"


@pytest.mark.parametrize(
    ("line", "options", "complaint"),
    [
        ("account: me", ("--max-per-day=1",), "4: burst.allowed.0.account: "),
        ("with: nothing", ("--max-per-day=1",), "4: burst.allowed.0.with: Groq does not offer 'nothing'"),
        ("with: nothing", ("--max-per-day=1", "--with=qwen"), "error: --with: Groq does not offer 'qwen'"),
        (
            "key_variable: K",
            ("--max-per-day=1", "--key-file=k"),
            "burst.allowed.0: key_file and key_variable",
        ),
    ],
)
def test_what_was_wrong_before_is_told_where_it_stands(
    file: Path, line: str, options: tuple[str, ...], complaint: str
) -> None:
    file.parent.mkdir()
    text = f"burst:\n  allowed:\n  - {{provider: groq, for: gpt-oss-120b,\n     {line}}}\n"
    file.write_text(text)
    refused = run(*GROQ, *options)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert complaint in refused.stderr
    assert refused.stderr.startswith("error: --" if "--with" in complaint else f"error: {file}:")
    assert file.read_text() == text


def test_what_was_spent_stays_with_whom_it_was_spent(file: Path, catalog: Catalog) -> None:
    """Sums are kept by id, so that of the second does not change when the first goes."""
    file.parent.mkdir()
    file.write_text(
        "burst:\n  max_per_day: 9 $\n  allowed:\n"
        "  - {provider: groq, for: a, with: gpt-oss-120b, plan: paid}\n"
        "  - {provider: groq, for: b, with: gpt-oss-120b, plan: paid}\n"
    )
    assert run(*MINE, "--plan=paid").returncode == 0
    assert [grant.id for grant in granted(file, catalog).grants] == ["groq", "groq-2", "groq-3"]
    assert run("burst", "revoke", "groq", "--for", "a").returncode == 0
    assert [(each.id, each.model) for each in granted(file, catalog).grants] == [
        ("groq-2", "b"),
        ("groq-3", "mine"),
    ]
    assert run("burst", "revoke", "groq-3").returncode == 0
    done = run("burst", "revoke", "groq")
    assert done.stderr == "groq is allowed no longer to answer for b.\n"
    assert granted(file, catalog).grants == ()


def test_a_link_to_the_file_stays_one(file: Path, tmp_path: Path) -> None:
    file.parent.mkdir()
    real = tmp_path / "dotfiles.yaml"
    real.touch(0o640)
    file.symlink_to(real)
    assert run(*GROQ, "--max-per-day=1").returncode == 0
    assert file.is_symlink()
    assert "groq" in real.read_text()
    assert real.stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["dotfiles.yaml"]


def test_the_list_for_people(file: Path, home: Path, key: str) -> None:
    shown = run("burst", "list")
    assert (shown.returncode, shown.stdout) == (0, "")
    assert shown.stderr.startswith("Nothing is allowed; no request leaves.")
    run(*GROQ, "--max-per-day", "2")
    run(
        "burst", "allow", "huggingface", "--for", "gemma", "--with", "qwen3-vl-8b-instruct", "--max-per-day=1"
    )
    run("burst", "allow", "sambanova", "--for", "gpt-oss-120b", "--plan=free")
    assert not (home / "state" / "gateway.db").exists(), "who only looks makes no books"
    store = SqliteStore(home / "state" / "gateway.db")
    store.write([entry(backend="groq", at=time.time(), micro=1_230_000)])
    store.close()
    shown = run("burst", "list")
    assert all(len(line) <= 80 for line in shown.stdout.splitlines())
    rows = {line.split()[0]: line.split() for line in shown.stdout.splitlines() if line.strip()}
    assert rows["ID"] == ["ID", "FOR", "$/MTOK", "LEFT", "TODAY", "KEY"]
    assert "   ANSWERED BY\n" in shown.stdout
    assert "   Qwen/Qwen3-VL-8B-Instruct:novita\n" in shown.stdout
    assert rows["groq"][-5:] == ["0.15", "/", "0.60", "$0.77", "there"]
    assert rows["huggingface"][-2:] == ["$1.00", "missing"]
    assert rows["sambanova"][-2:] == ["free", "missing"]
    words = " ".join(shown.stdout.split())
    assert "There is no key: HF_TOKEN is not set. Set HF_TOKEN where the gateway runs" in words
    assert "Neither requests nor answers are stored" in " ".join(shown.stdout.split())
    assert KEY not in shown.stdout + shown.stderr


def test_who_answers_stands_beneath_a_model_that_leaves_no_room(file: Path, home: Path, key: str) -> None:
    name = "the-one-that-reads-our-figures-well"
    allowed = run("burst", "allow", "groq", "--for", name, "--with", "gpt-oss-120b", "--max-per-day", "2.50")
    assert allowed.returncode == 0, allowed.stderr
    lines = run("burst", "list").stdout.splitlines()
    [at] = [number for number, line in enumerate(lines) if f" {name} " in line]
    assert lines[at].split()[-2:] == ["$2.50", "there"]
    assert lines[at + 1] == "   openai/gpt-oss-120b"


def test_a_name_that_may_be_misspelt_is_allowed_and_told(file: Path, home: Path, key: str) -> None:
    """It may be meant: hosted capacity alone for a model of its own."""
    running = replace(record(), engines=(replace(ENGINE, model="smollm2"),))
    folder = server_folder(load_settings().servers_dir, 8000)
    folder.write(running)
    question = "No backend here serves smollm; did you mean smollm2?"
    made = run("burst", "allow", "groq", "--for", "smollm", "--with", "gpt-oss-120b", "--max-per-day", "2")
    assert (made.returncode, question in made.stderr) == (0, True)
    served = ("--for", "smollm2", "--with", "qwen3-vl-8b-instruct", "--max-per-day=1")
    assert "No backend here" not in run("burst", "allow", "huggingface", *served).stderr
    run(*GROQ, "--max-per-day", "2")
    assert " ".join(run("burst", "list").stdout.split()).count(question) == 1
    warnings = [each["warning"] for each in json.loads(run("burst", "list", "--json").stdout)["allowed"]]
    assert warnings == [question, None, None]
    folder.clear()
    assert question not in run("burst", "list").stdout, "nothing is served that could be meant"


def test_the_list_for_programs(file: Path, home: Path, key: str) -> None:
    run(*GROQ, "--max-per-day", "2")
    shown = run("burst", "list", "--json")
    document = json.loads(shown.stdout)
    assert (document["file"], document["after_seconds"], document["dollars_per_day"]) == (str(file), 10, None)
    [grant] = document["allowed"]
    assert (grant["id"], grant["for"], grant["name"]) == ("groq", "gpt-oss-120b", "openai/gpt-oss-120b")
    assert grant["dollars_per_million_tokens"] == {"prompt": 0.15, "answer": 0.6}
    assert (grant["dollars_per_day"], grant["dollars_left_today"], grant["key"]) == (2, 2, True)
    assert grant["data_policy"]["url"].startswith("https://console.groq.com/")
    assert KEY not in shown.stdout
    (home / "state").mkdir(exist_ok=True)
    (home / "state" / "gateway.db").write_text("not books " * 100)
    [grant] = json.loads(run("burst", "list", "--json").stdout)["allowed"]
    assert grant["dollars_left_today"] is None
    assert "not known" in run("burst", "list").stdout


def test_the_sum_over_all_counts_for_each(file: Path, home: Path, catalog: Catalog) -> None:
    run(*GROQ, "--max-per-day", "5")
    file.write_text(file.read_text().replace("burst:\n", "burst:\n  max_per_day: 3 $\n"))
    store = SqliteStore(home / "state" / "gateway.db")
    store.write([entry(backend="another", at=time.time(), micro=1_000_000)])
    store.close()
    [grant] = json.loads(run("burst", "list", "--json").stdout)["allowed"]
    assert grant["dollars_left_today"] == 2
    assert "In all at most $3.00 a day.\n" in run("burst", "list").stderr


def test_providers_for_people_and_for_programs(home: Path, catalog: Catalog) -> None:
    shown = run("burst", "providers")
    assert all(len(line) <= 80 for line in shown.stdout.splitlines())
    words = " ".join(shown.stdout.split())
    for provider in catalog.providers.values():
        assert f"{provider.id}: {provider.title}, key in {provider.key_variable}" in shown.stdout
        assert provider.data_policy.summary in words
        assert all(f"{suffix} for {meaning}" in words for suffix, meaning in provider.suffixes.items())
    assert "Free of charge: $0.10 a month. Read 2026-11-28." in words
    assert "free 30 req/min, 1,000 req/day" in words
    # To be copied, so what else stands in the line gives way, and a column that is empty is none.
    offers = [each for provider in catalog.providers.values() for each in provider.offers]
    cells = [line.split() for line in shown.stdout.splitlines()]
    assert all([each.model, each.name] in [line[:2] for line in cells] for each in offers)
    assert "   20 req/min, 50 req/day\n" in shown.stdout, "beneath, where there is no room beside"
    document = json.loads(run("burst", "providers", "--json").stdout)
    assert [each["id"] for each in document] == list(catalog.providers)
    [groq] = [each for each in document if each["id"] == "groq"]
    assert groq["offers"][1]["price"] == {"prompt": "0.15", "answer": "0.60", "source": "models"}
    assert groq["data_policy"]["checked"] == "2026-11-28"
    [hub] = [each for each in document if each["id"] == "huggingface"]
    assert (hub["credit"]["amount"], hub["credit"]["per"]) == ("0.10", "month")
    assert ":cheapest" in hub["suffixes"]


def test_the_file_is_beside_the_settings(home: Path) -> None:
    assert load_settings().burst_file == home / "config" / "burst.yaml"
