"""Remake the recorded captures of data/, and what Node printed there, by running the lessons themselves.

Rule: no second copy of any experiment; what is recorded is what the lesson's own cells did, live.
"""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from labkit import nodejs, programs
from labkit.core.environment import settings
from labkit.core.errors import CaptureUnavailable, LabError
from labkit.packets import Tape, recorded, samples, status
from labkit.packets.probe import forced_tier

CELL_TIMEOUT = 120
"""Seconds a cell may take while it is recorded."""
CASES = "cases"
"""The folder of exchanges in which something goes wrong: tools/cases.py makes them, and no lesson."""
_SCRIPTS = f"*{nodejs.ENDING}"
_SAMPLES = f"*{samples.ENDING}"
_OUTPUTS = f"*{programs.ENDING}"

README = """# Recorded captures

These stand in if a machine lets its user capture nothing; a picture made from one says so. Each was made by
`labkit record`, which runs the lesson live and keeps what its cells captured; those of `cases` by `tools/cases.py`.
Wireshark opens them as they are; the events of the sockets are inside, in a block that other programs pass over.

| file | packets | connections | made by this line of the lesson |
| --- | ---: | ---: | --- |
"""

NODE_README = """
What Node printed stands in where Node is not installed. Each file has the script, its output, and the version of Node.

| file | Node | lines printed |
| --- | --- | ---: |
"""


SAMPLES_README = """
Samples of a connection stand in where no wire can be had: what the sender's kernel said of it every few milliseconds.

| file | samples | congestion control |
| --- | ---: | --- |
"""

PROGRAMS_README = """
What curl, openssl and Chromium printed stands in where they are not installed, with the packets of the same name.

| file | program | lines printed |
| --- | --- | ---: |
"""


def record(
    lessons: Sequence[str] = (), over: Callable[[Sequence[Path]], Iterable[Path]] = lambda paths: paths
) -> Iterator[str]:
    """Run lessons (all, if none is named) and replace their recordings; yields one line of report for each file.

    over: goes over the notebooks in place of a loop, to show how far it is: `tqdm.tqdm`.
    Raises `CaptureUnavailable` if this machine cannot capture, `LabError` if the lessons are not at hand.
    """
    if status().tier == "recorded" and (forced_tier() == "recorded" or not _notebooks_capture()):
        raise CaptureUnavailable("recording needs live capture, and this machine allows none", "See `labkit doctor`.")
    data = recorded.data_directory()
    if data is None or not (data.parent / "notebooks").is_dir():
        raise LabError("the lessons are not beside the data directory", "Run this in a checkout of labkit.")
    found = sorted((data.parent / "notebooks").glob("*.ipynb"))
    unknown = set(lessons) - {path.stem for path in found}
    if unknown:
        known = ", ".join(path.stem for path in found)
        raise LabError(f"there is no lesson {', '.join(sorted(unknown))}", f"There are: {known}.")
    if not lessons:  # what no lesson makes any more
        for folder in data.iterdir():
            if folder.is_dir() and folder.name not in {CASES, *(path.stem for path in found)}:
                shutil.rmtree(folder)
    for path in over([path for path in found if not lessons or path.stem in lessons]):
        with tempfile.TemporaryDirectory() as made_here:
            _run(path, Path(made_here))
            made = Path(made_here) / path.stem
            scripts = _scripts(path) - {each.name.removesuffix(nodejs.ENDING) for each in made.glob(_SCRIPTS)}
            if scripts:
                raise LabError(
                    f"{path.stem} ran, but Node did not: {', '.join(sorted(scripts))} was not recorded",
                    "Its recordings are left as they were. Install Node (apt install nodejs).",
                )
            outputs = _named(path, "curl") | _named(path, "openssl") | _named(path, "chromium")
            outputs -= {each.name.removesuffix(programs.ENDING) for each in made.glob(_OUTPUTS)}
            if outputs:
                raise LabError(
                    f"{path.stem} ran, but a program it needs did not: {', '.join(sorted(outputs))} was not recorded",
                    "Its recordings are left as they were. Install them (apt install curl openssl chromium).",
                )
            missing = _named(path, "capture") - {each.stem for each in made.glob("*.pcapng")}
            missing |= _named(path, "sample") - {each.name.removesuffix(samples.ENDING) for each in made.glob(_SAMPLES)}
            if missing:
                raise CaptureUnavailable(
                    f"{path.stem} ran, but not live: {', '.join(sorted(missing))} was not captured",
                    "Its recordings are left as they were. Run `labkit doctor`: it says what is missing.",
                )
            shutil.rmtree(data / path.stem, ignore_errors=True)
            if made.is_dir():
                shutil.copytree(made, data / path.stem)
                for each in sorted(made.iterdir()):
                    yield f"data/{path.stem}/{each.name}: {_what(each)}"
    text = README + "".join(_row(each, found) for each in sorted(data.glob("*/*.pcapng")))
    if said := sorted(data.glob(f"*/{_SCRIPTS}")):
        text += NODE_README + "".join(_node_row(each) for each in said)
    if ran := sorted(data.glob(f"*/{_OUTPUTS}")):
        text += PROGRAMS_README + "".join(_output_row(each) for each in ran)
    if taken := sorted(data.glob(f"*/{_SAMPLES}")):
        text += SAMPLES_README + "".join(_samples_row(each) for each in taken)
    (data / "README.md").write_text(text, encoding="utf-8")


def _what(file: Path) -> str:
    """What a recording holds, in words."""
    if file.name.endswith(nodejs.ENDING):
        return f"what Node {nodejs.load(file)[1].version} printed"
    if file.name.endswith(programs.ENDING):
        return f"what {' '.join(programs.load(file)[:2])} printed"
    if file.name.endswith(samples.ENDING):
        return f"{len(_loaded(file))} samples"
    return f"{len(Tape.load(file))} packets"


def _loaded(file: Path) -> samples.Samples:
    found = samples.Samples()
    found.load(file, "")
    return found


def _samples_row(file: Path) -> str:
    found = _loaded(file)
    return f"| `{file.parent.name}/{file.name}` | {len(found)} | {found.algorithm} |\n"


def _node_row(file: Path) -> str:
    said = nodejs.load(file)[1]
    return f"| `{file.parent.name}/{file.name}` | {said.version} | {len(said.lines)} |\n"


def _output_row(file: Path) -> str:
    program, version, text = programs.load(file)
    return f"| `{file.parent.name}/{file.name}` | {program} {version} | {len(text.splitlines())} |\n"


def _run(notebook: Path, folder: Path) -> None:
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    wanted = {"LABKIT_RECORD": str(folder), "LABKIT_PROGRESS": str(folder / "progress.json")}
    try:
        with settings(wanted):
            NotebookClient(
                nbformat.read(notebook, as_version=4),
                timeout=CELL_TIMEOUT,
                # Else it warns, once a lesson, that it talks to us in the clear: over loopback.
                extra_arguments=["--log-level=ERROR"],
                resources={"metadata": {"path": str(notebook.parent)}},
            ).execute()
    except CellExecutionError as error:
        raise LabError(
            f"{notebook.name} failed while it was recorded: {error.ename}: {error.evalue}",
            "Its recordings are left as they were. Run the lesson by hand to see the cell.",
        ) from error


def _notebooks_capture() -> bool:
    """Whether a lesson's kernel would have a network of its own, where this program may capture nothing."""
    asks = "from labkit.lab import network_probe; raise SystemExit(1 if network_probe.refusal() else 0)"
    # In a process of its own: it forks, and this one may have threads.
    return subprocess.run([sys.executable, "-c", asks], check=False, timeout=60).returncode == 0


def _named(notebook: Path, call: str) -> set[str]:
    """The names of the captures in a lesson, or of what another call records (``"sample"``)."""
    import nbformat

    cells: Any = nbformat.read(notebook, as_version=4).cells
    code = "\n".join(str(cell.source) for cell in cells if cell.cell_type == "code")
    return set(re.findall(call + r"\([^)\n]*name=\"([^\"]+)\"", code))


def _scripts(notebook: Path) -> set[str]:
    """The names of the scripts that a lesson gives to Node."""
    import nbformat

    cells: Any = nbformat.read(notebook, as_version=4).cells
    found = set()
    for cell in cells:
        if cell.cell_type == "code" and "labkit.node(" in cell.source:
            # A lesson's cell may await at its top level.
            tree = compile(cell.source, notebook.name, "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            calls = [each for each in ast.walk(tree) if isinstance(each, ast.Call)]
            words = [word for call in calls if ast.unparse(call.func) == "labkit.node" for word in call.keywords]
            found |= {str(ast.literal_eval(word.value)) for word in words if word.arg == "name"}
    return found


def _row(capture: Path, notebooks: Sequence[Path]) -> str:
    tape = Tape.load(capture)
    lesson = capture.parent.name
    line = "python tools/cases.py" if lesson == CASES else ""
    for notebook in notebooks:
        if notebook.stem == lesson:
            line = _line_of(notebook, capture.stem)
    return f"| `{lesson}/{capture.name}` | {len(tape)} | {len(tape.connections)} | `{line}` |\n"


def _line_of(notebook: Path, name: str) -> str:
    import nbformat

    cells: Any = nbformat.read(notebook, as_version=4).cells
    for cell in cells:
        for line in cell.source.splitlines():
            if re.search(rf"(capture|curl|openssl|chromium)\(.*name=\"{re.escape(name)}\"", line):
                return str(line).strip()
    return ""
