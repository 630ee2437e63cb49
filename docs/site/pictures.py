"""Makes the pictures of these pages again: the recorded terminal, and screenshots of a report and of the voice console.

Run in a checkout with the development environment and Chromium: python docs/site/pictures.py
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright
from rich.console import Console
from rich.text import Text

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
COLUMNS = 84
LINES = (
    "sherpa-probe access --simulate",
    "sherpa-probe access --simulate no-quota",
    "python -m probes.demo --pace 4",
)
#: Fonts of other servers: the browser has one of its own.
_FONT = re.compile(r"@font-face \{.*?\}", re.DOTALL)
_ANSWER = re.compile(r"/\S*answer\.wav")


def record_terminal() -> None:
    """Type the commands and keep what they print, in colour."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    environment = {**os.environ, "COLUMNS": str(COLUMNS), "FORCE_COLOR": "1", "PATH": f"{BIN}:{os.environ['PATH']}"}
    with tempfile.TemporaryDirectory() as folder:
        environment["PYTHONPATH"] = str(HERE.parents[1])
        for line in LINES:
            done = subprocess.run(
                ["sh", "-c", line],  # noqa: S607 - the shell that users type it in
                cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False,
            )  # fmt: skip
            console.print(f"[bold green]$[/] [bold]{line}[/]")
            console.print(Text.from_ansi(_ANSWER.sub(".demo/answer.wav", done.stdout)))
    picture = console.export_svg(title="sherpa-probe")
    (HERE / "demo.svg").write_text(_FONT.sub("", picture))


def take_screenshots() -> None:
    """Open a report and the voice console in Chromium."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        report = Path(name) / "report.html"
        probe = [BIN / "sherpa-probe", "access", "--simulate", "no-quota", "--report", f"html={report}"]
        subprocess.run(probe, capture_output=True, timeout=120, check=False)
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1100, "height": 800})
        page.goto(report.as_uri())
        page.screenshot(path=HERE / "report.png")
        bridge = subprocess.Popen(
            [BIN / "sherpa-bridge", "serve", "--simulate", "--port", "0"],
            env={**os.environ, "SHERPA_BRIDGE_SHED_LAG_MS": "0"},
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert bridge.stderr is not None  # noqa: S101 - it is a pipe
            url = next(found[1] for line in bridge.stderr if (found := re.search(r"page\s+(http\S+)", line)))
            page.goto(url)
            page.get_by_role("button", name="Connect").click()
            time.sleep(10)
            page.get_by_role("textbox").first.fill("What is in my portfolio?")
            page.keyboard.press("Enter")
            time.sleep(15)
            page.screenshot(path=HERE / "console.png")
        finally:
            bridge.terminate()
            bridge.wait(timeout=60)
        browser.close()


if __name__ == "__main__":
    record_terminal()
    take_screenshots()
