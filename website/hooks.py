"""What MkDocs calls while it builds: pages that are not in docs/, and links between them and those that are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from website.commands import commands_page
from website.decisions import decisions_page
from website.errors import errors_page
from website.links import rewrite
from website.metrics import metrics_page
from website.results import results_page
from website.schemas import schema_page

ROOT = Path(__file__).parents[1]
ELSEWHERE = {
    "index.md": "README.md",
    "probe.md": "probe/README.md",
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
}
"""Page of the site: the file of the repository that it is."""
GENERATED = {
    "adr/index.md": lambda: decisions_page(ROOT / "docs" / "adr"),
    "reference/commands.md": commands_page,
    "reference/scenario.md": lambda: schema_page("scenario"),
    "reference/script.md": lambda: schema_page("script"),
    "reference/endpoint.md": lambda: schema_page("endpoint"),
    "reference/results.md": lambda: results_page((ROOT / "docs" / "results.md").read_text(encoding="utf-8")),
    "reference/metrics.md": metrics_page,
    "reference/errors.md": errors_page,
}
"""Page of the site: what makes it from the code."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are not in docs/."""
    for page, source in ELSEWHERE.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text(encoding="utf-8")))
    for page, make in GENERATED.items():
        files.append(File.generated(config, page, content=make()))
    return files


def on_page_markdown(markdown: str, page: Page, files: Files, **_: Any) -> str:
    """Lead links within the repository to where things are in the site. Others stay; strict building refuses them."""
    site = page.file.src_uri
    if site in GENERATED:
        return markdown
    pages = {f"docs/{file.src_uri}": file.src_uri for file in files} | {of: to for to, of in ELSEWHERE.items()}
    pages["docs/adr"] = "adr/index.md"
    return rewrite(markdown, ELSEWHERE.get(site, f"docs/{site}"), site, pages, ROOT)


def on_config(config: MkDocsConfig, **_: Any) -> MkDocsConfig:
    """Build again when what pages are made from changes (`mkdocs serve`)."""
    config.watch.extend(str(ROOT / folder) for folder in ("loadtest", "website", *ELSEWHERE.values()))
    return config
