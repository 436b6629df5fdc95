"""A page in a real browser, with what it asked for and complained of."""

from __future__ import annotations

from typing import Literal

from playwright.sync_api import Browser, Page, expect

__all__ = ["PATIENCE_MS", "Opened"]

PATIENCE_MS = 120_000
"""A machine under load opens a page slowly; nothing here says how soon."""


class Opened:
    """The page in the browser, and what it asked for and complained of."""

    def __init__(self, browser: Browser, address: str, scheme: Literal["light", "dark"]) -> None:
        self.context = browser.new_context(color_scheme=scheme, viewport={"width": 1200, "height": 900})
        self.context.set_default_timeout(PATIENCE_MS)
        self.page: Page = self.context.new_page()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(address)

    def draw_all(self) -> None:
        for chart in self.page.locator(".chart").all():
            chart.scroll_into_view_if_needed()
            expect(chart.locator("svg.main-svg").first).to_be_attached(timeout=PATIENCE_MS)
