"""A real JupyterLab, started with the command of `make lab`, and a real Chromium in front of it.

Rule: works on copies of its own, as a student does; the browser resolves no name and reaches nothing but this machine.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Dialog, Error, Page, ViewportSize, sync_playwright

from labkit import lessons
from tests.needs import need_tool

ROOT = Path(__file__).resolve().parents[2]
START = 60.0
"""Seconds a program has to start."""

WINDOW: ViewportSize = {"width": 1366, "height": 768}  # the smallest screen of a laptop that is still common

# As root Chromium has no sandbox of its own. The rest keeps it from talking to anyone and from using a graphics card.
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)  # fmt: skip

# Asks and settings that differ from a student's: no browser of its own, no password, the application within reach of
# a script, no look-up of newer versions.
LAB_ARGS = (
    "--no-browser", "--port=0", "--ip=127.0.0.1", "--IdentityProvider.token=", "--LabApp.expose_app_in_browser=True",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate", "--LabApp.extension_manager=readonly",
)  # fmt: skip


class Lab:
    """JupyterLab in a process of its own. url: where it answers. notebooks: the folder it shows, with the copies."""

    def __init__(self, folder: Path) -> None:
        self.notebooks = folder / lessons.FOLDER
        lessons.hand_out(self.notebooks)
        own = {name: str(folder / name.lower()) for name in ("JUPYTER_CONFIG_DIR", "IPYTHONDIR", "JUPYTER_RUNTIME_DIR")}
        self.process = subprocess.Popen(
            lab_command(), cwd=folder, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, env={**os.environ, **own, "LABKIT_PROGRESS": str(folder / "progress.json"),
                 "PYTHONFAULTHANDLER": "1"},
        )  # fmt: skip
        self.said: list[str] = []
        self._lines: Queue[str] = Queue()
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()
        self.url = self._wait_for(r"(http://127\.0\.0\.1:\d+)/lab")

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._lines.put(line)
        self._lines.put("")

    def _wait_for(self, pattern: str) -> str:
        while True:
            try:
                line = self._lines.get(timeout=START)
            except Empty:
                line = ""
            self.said.append(line)
            if match := re.search(pattern, line):
                return match[1]
            if not line:
                self.close()
                pytest.fail("JupyterLab did not start:\n" + "".join(self.said), pytrace=False)

    def _heard(self) -> list[str]:
        while not self._lines.empty():
            self.said.append(self._lines.get())
        return self.said

    def close(self) -> None:
        """End it, and the kernels with it. If it does not end, its threads and its log are printed, and it is killed.

        That is no failure: JupyterLab's last garbage collection is not ours, and takes a minute on a busy machine.
        """
        self.process.terminate()
        try:
            self.process.wait(START)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)  # PYTHONFAULTHANDLER: every thread's stack to stderr
            self._reader.join(START / 4)
            print("JupyterLab did not end within a minute:", *self._heard(), file=sys.__stderr__, flush=True)
        finally:
            self.process.kill()
            self.process.wait(START)
            self._reader.join(START)
            assert self.process.stderr is not None
            self.process.stderr.close()


def lab_command() -> list[str]:
    """The words by which `make lab` starts JupyterLab, with the Python of this test run."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    told = subprocess.run(
        [need_tool("make"), "--dry-run", "lab", f"JUPYTER_ARGS={shlex.join(LAB_ARGS)}"],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=START,
    )  # fmt: skip
    command, *words = shlex.split(told.stdout.splitlines()[-1])
    assert (Path(command).name, words[:2]) == ("labkit", ["lab", lessons.FOLDER])
    return [str(Path(sys.executable).with_name("labkit")), *words]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The system's Chromium, without a window."""
    path = need_tool("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def window(chromium: Browser) -> Iterator[BrowserContext]:
    """A window of it; its pages share what they have loaded, and JupyterLab is a lot to load."""
    opened = chromium.new_context(viewport=WINDOW)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def lab(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A running JupyterLab. (The browser is asked for first: where there is none, no JupyterLab is started.)"""
    running = Lab(tmp_path_factory.mktemp("lab"))
    yield running
    running.close()


class Notebook:
    """One notebook, open in JupyterLab; `heard` is what the page logged and asked, `hosts` whom it talked to."""

    def __init__(self, window: BrowserContext, lab: Lab, name: str) -> None:
        self.page: Page = window.new_page()
        self.heard: list[str] = []
        self.hosts: set[str] = set()
        self.page.on("console", lambda message: self.heard.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", self._exception)
        self.page.on("request", lambda request: self.hosts.add(urlsplit(request.url).hostname or "in the page"))
        self.page.on("dialog", self._dialog)
        self.page.goto(f"{lab.url}/lab/workspaces/{Path(name).stem}/tree/{name}")
        # A workspace of its own: nothing that an earlier page left open comes back.
        self.page.wait_for_function(
            "name => window.jupyterapp?.shell.currentWidget?.context?.path === name", arg=name, timeout=START * 1000
        )
        self.page.evaluate(
            """async () => {
                const panel = window.jupyterapp.shell.currentWidget;
                await panel.context.ready;
                // Every cell in the page, not only those in sight.
                panel.content.notebookConfig = {...panel.content.notebookConfig, windowingMode: 'none'};
                await panel.sessionContext.ready;
                await panel.sessionContext.session.kernel.info;
            }"""
        )

    def _exception(self, error: Error) -> None:
        # JupyterLab throws this when every cell is put in the page: not ours, and not a student's.
        own = "reading 'observe'" in error.message and "/static/lab/jlab_core." in (error.stack or "")
        self.heard.append(f"{'JupyterLab' if own else 'exception'}: {error.message}")

    def _dialog(self, dialog: Dialog) -> None:
        self.heard.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def run_all(self) -> None:
        """Run every cell and return when the kernel has nothing more to say, or a cell has failed."""
        self.page.evaluate(
            """async () => {
                const app = window.jupyterapp, panel = app.shell.currentWidget;
                await app.commands.execute('notebook:run-all-cells');
                // The kernel answers in turn: once it has answered this, all that came before is in the page.
                await panel.sessionContext.session.kernel.requestExecute({code: '', silent: true}).done;
            }"""
        )
        self.page.wait_for_function(
            """() => {
                const cells = window.jupyterapp.shell.currentWidget.content.widgets.filter(
                    cell => cell.model.type === 'code' && cell.model.sharedModel.source.trim());
                const failed = cells.some(cell => cell.model.outputs.toJSON().some(one => one.output_type === 'error'));
                return failed || cells.every(cell => typeof cell.model.executionCount === 'number');
            }""",
            timeout=START * 1000,
        )
        self.page.wait_for_function("() => [...document.images].every(image => image.complete)")

    def theme(self, name: str) -> None:
        """Choose a theme, as the Settings menu does."""
        self.page.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", name)
        self.page.wait_for_function("theme => document.body.dataset.jpThemeName === theme", arg=name)
        self.page.wait_for_selector("#jupyterlab-splash", state="detached")  # it covers the page meanwhile
        self.painted()

    def painted(self) -> None:
        """Wait until the page has painted what it knows."""
        self.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def errors(self) -> list[str]:
        """The error outputs, as the cells show them."""
        found: list[str] = self.page.evaluate(
            """() => window.jupyterapp.shell.currentWidget.content.widgets
                .filter(cell => cell.model.type === 'code').flatMap(cell => cell.model.outputs.toJSON())
                .filter(one => one.output_type === 'error').map(one => `${one.ename}: ${one.evalue}`)"""
        )
        return found

    def close(self) -> None:
        """Shut its kernel down and close the page: the ports it serves are free again."""
        self.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
        self.page.close()
