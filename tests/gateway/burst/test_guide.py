"""The file in the guide is one that can be used."""

from __future__ import annotations

import re
from pathlib import Path

from kanoa_mlops.catalog.load import Catalog
from kanoa_mlops.gateway.burst.read import read_burst

GUIDE = Path(__file__).parents[3] / "docs" / "how-to" / "burst.md"


def test_the_file_of_the_guide_is_granted(tmp_path: Path, catalog: Catalog) -> None:
    [text] = re.findall(r"^```yaml\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    (tmp_path / "burst.yaml").write_text(text)
    (tmp_path / "cloudflare.key").write_text("k")
    (tmp_path / "cloudflare.key").chmod(0o600)
    keys = dict.fromkeys(("GROQ_API_KEY", "SAMBANOVA_API_KEY", "UNIVERSITY_KEY"), "k")
    burst = read_burst(tmp_path / "burst.yaml", catalog, keys)
    assert [grant.id for grant in burst.grants] == ["groq", "cloudflare", "sambanova", "university"]
    assert [grant.free for grant in burst.grants] == [False, True, True, False]
    assert burst.grants[2].limits["requests_per_day"] == 40
