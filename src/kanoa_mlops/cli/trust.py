"""`kanoa-mlops trust`: models whose repository's own code may run here."""

from __future__ import annotations

import sys

import click

from kanoa_mlops.catalog.load import load_catalog
from kanoa_mlops.catalog.query import find_model
from kanoa_mlops.catalog.types import Model, Weights
from kanoa_mlops.cli import options
from kanoa_mlops.cli.screen import Screen
from kanoa_mlops.engines.site import WeightFiles
from kanoa_mlops.errors import UserError
from kanoa_mlops.planner.plan import Plan
from kanoa_mlops.runtime.trust import Trust, fingerprint
from kanoa_mlops.settings import Settings, load_settings


@click.command()
@click.argument("name", metavar="[MODEL]", required=False)
@click.option("--revoke", is_flag=True, help="Take the permission back.")
@options.as_json
def command(name: str | None, revoke: bool, as_json: bool) -> None:
    """Let the code in MODEL's repository run on this machine.

    Some models are not known to the engine and bring their own Python. It runs
    with the engine's rights, so it is asked about once, and again when it
    changes. Without a name: the models that were allowed.
    """
    screen, settings = Screen(), load_settings()
    trust = trust_of(settings)
    if revoke and not name:
        raise UserError("--revoke wants a model.", hint="`kanoa-mlops trust` lists those that were allowed.")
    if name:
        _decide(screen, trust, find_model(load_catalog(settings.catalog_dir), name), revoke)
    if as_json:
        screen.json({"trusted": trust.models()})
    elif not name:
        for each in trust.models() or ["No model's own code may run here."]:
            screen.print(each)


def trust_of(settings: Settings) -> Trust:
    return Trust(settings.state_dir / "trust.json")


def require_trust(screen: Screen, settings: Settings, model: Model, plan: Plan, weights: Weights) -> None:
    """Before anything is fetched: the owner allowed the code that this model brings, or does so now.

    Raises:
        UserError: it was not allowed.
    """
    trust = trust_of(settings)
    if not plan.remote_code or model.id in trust.models():
        return
    where = f"https://huggingface.co/{weights.hub.repo}" if weights.hub else "its repository"
    question = f"{model.id} runs Python code out of {where}, with the rights of its engine."
    if sys.stdin.isatty():
        screen.say(question)
        if click.confirm("Allow this code to run here?", err=True):
            trust.give(model.id)
            return
    raise UserError(question, hint=f"If you trust it: `kanoa-mlops trust {model.id}`, then run this again.")


def require_same_code(settings: Settings, model: Model, plan: Plan, files: WeightFiles) -> None:
    """After it was fetched: the code is that which was allowed.

    Raises:
        UserError: it is another.
    """
    code = fingerprint(files.folder / name for name in files.names)
    if plan.remote_code and not trust_of(settings).covers(model.id, code):
        raise UserError(
            f"The code that {model.id} brings is not the one you allowed; it is in {files.folder}.",
            hint=f"If you trust it: `kanoa-mlops trust {model.id}` again.",
        )


def _decide(screen: Screen, trust: Trust, model: Model, revoke: bool) -> None:
    if revoke:
        had = trust.take_back(model.id)
        screen.say(f"The code of {model.id} {'may no longer' if had else 'could not'} run here.")
        return
    if not any(support.remote_code for support in model.engines.values()):
        raise UserError(
            f"{model.id} brings no code of its own: there is nothing to allow.",
            hint=f"`kanoa-mlops serve {model.id}` serves it as it is.",
        )
    trust.give(model.id)
    screen.say(f"The code of {model.id} may run here, as it is when it is fetched.")
