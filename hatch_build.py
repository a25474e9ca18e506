"""Puts the web page into what is built, unless it is there: a source distribution has it, and then needs no Node."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class WebPage(BuildHookInterface):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        if version == "editable" or (root / "src/app/ui/index.html").exists():
            return
        npm = shutil.which("npm")
        if npm is None:
            self.app.display_warning("There is no Node: the package has no web page. The API works without.")
            return
        for command in (["ci"], ["run", "build"]):
            subprocess.run([npm, "--prefix", str(root / "web"), *command], check=True)  # noqa: S603 - nobody's input
