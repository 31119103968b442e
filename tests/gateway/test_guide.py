"""The guide to a gateway's file: what is in it can be used, and nothing that may be in it is missing."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.gateway.burst.secret import Secrets
from kanoa_mlops.gateway.config import BackendConfig, GatewayConfig, QueueConfig, burst_in, read_config
from kanoa_mlops.gateway.hosts import is_loopback
from kanoa_mlops.gateway.roster import listed
from kanoa_mlops.settings import DEFAULT_PORT

GUIDE = (Path(__file__).parents[2] / "docs" / "how-to" / "several-backends.md").read_text(encoding="utf-8")


def file(folder: Path) -> Path:
    [text] = re.findall(r"^```yaml\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)
    path = folder / "gateway.yaml"
    path.write_text(text)
    return path


def test_the_file_is_one(tmp_path: Path, catalog: Catalog) -> None:
    config = read_config(file(tmp_path))
    (tmp_path / "workstation.key").write_text("k")
    assert [each.backend.id for each in listed(config)] == ["gemma-3-12b-it", "workstation"]
    [grant] = burst_in(config, catalog, Secrets({"HF_TOKEN": "k"}).key_of).grants
    assert (grant.model, grant.id) == ("gemma-3-12b-it", "huggingface")


def test_the_gateway_finds_its_own_port_free(tmp_path: Path) -> None:
    here = [each.url for each in read_config(file(tmp_path)).backends if is_loopback(each.url.host or "")]
    assert here
    assert DEFAULT_PORT not in [urlsplit(str(url)).port for url in here]


def test_every_key_of_the_file_is_in_the_tables_with_its_default() -> None:
    rows = re.findall(r"^\| (`[^|]+`) \|([^|]*)\|", GUIDE, re.MULTILINE)
    told = {name.replace("`", ""): said.replace("`", "").strip() for name, said in rows}
    for name, field in BackendConfig.model_fields.items():
        assert (told[name] == "") is field.is_required(), name
        if not field.is_required() and field.default not in ((), "", None):
            assert told[name] == str(field.default).lower(), name
    queue = QueueConfig()
    assert told["queue.length, queue.seconds"] == f"{queue.length}, {queue.seconds:g}"
    assert set(GatewayConfig.model_fields) == {"backends", "queue", "burst", "open"}
    assert {"burst", "open"} <= set(told)
