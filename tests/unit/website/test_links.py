"""Links as they stand in the repository, and as they have to be in the site."""

from __future__ import annotations

from pathlib import Path

import pytest

from website.links import rewrite

PAGES = {
    "README.md": "index.md",
    "probe/README.md": "probe.md",
    "docs/scenario.md": "scenario.md",
    "docs/images/a.png": "images/a.png",
    "docs/adr/0001-x.md": "adr/0001-x.md",
    "docs/adr": "adr/index.md",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "peak.yaml").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("source", "text", "expected"),
    [
        ("README.md", "[a](docs/scenario.md#arm)", "[a](scenario.md#arm)"),
        ("README.md", "![a](docs/images/a.png)", "![a](images/a.png)"),
        ("README.md", "[a](docs/adr)", "[a](adr/index.md)"),
        ("docs/scenario.md", "[a](../README.md#x), [b](../probe/README.md)", "[a](index.md#x), [b](probe.md)"),
        ("docs/adr/0001-x.md", "[a](../scenario.md)", "[a](../scenario.md)"),
        ("docs/scenario.md", "[a](#arm) [b](https://example.org/x)", "[a](#arm) [b](https://example.org/x)"),
        # In the repository, and no page: named.
        ("docs/scenario.md", "[the peak](../scenarios/peak.yaml)", "the peak (`scenarios/peak.yaml`)"),
        ("README.md", "[scenarios/peak.yaml](scenarios/peak.yaml)", "scenarios/peak.yaml"),
        # Nowhere: left to the builder, which refuses it.
        ("docs/scenario.md", "[a](../scenarios/none.yaml)", "[a](../scenarios/none.yaml)"),
        ("docs/scenario.md", "[a](nowhere.md)", "[a](nowhere.md)"),
        # Code is no link.
        ("README.md", "`[a](docs/scenario.md)`", "`[a](docs/scenario.md)`"),
        (
            "README.md",
            "```\n[a](docs/scenario.md)\n```\n[a](docs/scenario.md)",
            "```\n[a](docs/scenario.md)\n```\n[a](scenario.md)",
        ),
        ("README.md", "[`code` in a link](docs/scenario.md)", "[`code` in a link](scenario.md)"),
    ],
)
def test_a_link_leads_to_where_the_thing_is_in_the_site(source: str, text: str, expected: str, root: Path) -> None:
    page = PAGES.get(source, source.removeprefix("docs/"))
    assert rewrite(text, source, page, PAGES, root) == f"{expected}\n"
