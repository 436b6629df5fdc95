"""Puts scenarios/ into the wheel, as loadtest/shipped, and the probe, so that the wheel installs by itself.

An editable install reads the checkout's own.
"""

from __future__ import annotations

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Shipped(BuildHookInterface):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "standard":
            build_data["force_include"] |= {
                "scenarios": "loadtest/shipped",
                "probe/src/loadtest_probe": "loadtest_probe",
            }
