"""The site builds with every link checked, needs no network, and a page that nobody finds is an error."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FETCHED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "audio": "src"}


def build(root: Path, to: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(to)]
    environ = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(command, cwd=root, env=environ, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    to = tmp_path_factory.mktemp("site")
    built = build(ROOT, to)
    assert built.returncode == 0, built.stdout + built.stderr
    return to


class Fetches(HTMLParser):
    """What a browser fetches by itself to show a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        where = "href" if tag == "link" else FETCHED.get(tag)
        if where and attributes.get(where):
            self.found.append(str(attributes[where]))


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 40
    for page in pages:
        fetches = Fetches()
        fetches.feed(page.read_text(encoding="utf-8"))
        assert fetches.found
        for target in fetches.found:
            assert not re.match(r"(?!data:)\w+:|//", target), f"{page.name} fetches {target[:80]}"
            if target.startswith("data:"):
                continue
            path = target.partition("#")[0].partition("?")[0]
            assert not path or page.name == "404.html" or (page.parent / path).exists(), f"{page.name}: no {target}"
    for style in site.rglob("*.css"):
        assert not re.search(r"@import|url\(['\"]?(https?:)?//", style.read_text(encoding="utf-8")), style.name


@pytest.mark.parametrize(
    ("page", "says"),
    [
        ("index.html", "dials many synthetic outbound calls"),
        ("probe.html", "What a LiveKit agent carries"),
        ("reference/commands.html", "loadtest validate"),
        ("reference/scenario.html", "calls_per_block"),
        ("reference/results.html", "clock_uncertainty_ms"),
        ("reference/metrics.html", "answered_share"),
        ("reference/errors.html", "NothingLeftError"),
        ("adr/index.html", "0016-generations-by-locked-lists.html"),
    ],
)
def test_the_readme_and_what_is_made_from_the_code_are_pages(page: str, says: str, site: Path) -> None:
    assert says in (site / page).read_text(encoding="utf-8")


def test_links_and_pages_that_lead_nowhere_stop_the_build(tmp_path: Path) -> None:
    for name in ("docs", "website"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "images"))
    for name in ("mkdocs.yml", "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "probe", "scenarios"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "docs" / "lost-page.md").write_text("# Nobody leads here\n")
    links = ("[a](nowhere.md)", "[a](results.md#no-such-heading)", "[a](../scenarios/none.yaml)")
    with (tmp_path / "docs" / "reading.md").open("a") as file:
        file.write("\n\n".join(["", *links]))
    built = build(tmp_path, tmp_path / "site")
    assert built.returncode != 0
    warnings = [said for said in re.split(r"^(?=[A-Z]+ +- )", built.stderr, flags=re.MULTILINE) if "WARNING" in said]
    for complaint in ("lost-page.md", "nowhere.md", "no-such-heading", "none.yaml"):
        assert any(complaint in said for said in warnings), complaint
