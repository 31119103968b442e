"""What installing the core brings along."""

from __future__ import annotations

from importlib.metadata import distribution, requires

from packaging.requirements import Requirement


def installed_with(name: str, seen: set[str]) -> set[str]:
    """Every distribution that installing `name` without extras brings here, itself included."""
    seen.add(name.lower())
    for line in requires(name) or []:
        requirement = Requirement(line)
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        if requirement.name.lower() not in seen:
            installed_with(distribution(requirement.name).metadata["Name"], seen)
    return seen


def test_the_core_is_light() -> None:
    core = installed_with("kanoa-mlops", set())
    assert len(core) <= 30, sorted(core)
    assert not core & {"xllamacpp", "onnxruntime", "rapidocr-onnxruntime", "kanoa", "matplotlib", "numpy"}
