"""docs/questions-for-the-class.md: every prediction of the lessons, and what a wrong answer reveals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.notebooks.lessons import NOTEBOOKS, code_cells, load, source
from tools import questions

ASKED = 'guess = labkit.predict("How many?", mine=..., options={"1": "", "2": "Why | two?"})'
PREDICTION = {"cell_type": "code", "id": "a", "outputs": [], "source": [ASKED]}
COMPARED = {"cell_type": "code", "id": "b", "source": ['guess.compare("1", "Because.")'],
            "outputs": [{"data": {"text/plain": ["Measured: 1\n", "Because."]}}]}  # fmt: skip


@pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])
def test_each_prediction_is_there(path: Path) -> None:
    asked = sum(source(cell).count("labkit.predict(") for cell in code_cells(load(path)))
    assert len(questions.questions(path)) == asked


def test_the_page_is_what_the_notebooks_say() -> None:
    assert questions.PAGE.read_text(encoding="utf8") == questions.written()


def test_a_question_its_measurement_and_its_wrong_answers(tmp_path: Path) -> None:
    path = tmp_path / "x.ipynb"
    path.write_text(json.dumps({"cells": [PREDICTION, COMPARED]}))
    (found,) = questions.questions(path)
    assert found == questions.Question("How many?", {"1": "", "2": "Why | two?"}, "1", "a")
    assert questions._wrong(found) == "*2*: Why | two?"


def test_a_question_without_a_verdict_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.ipynb"
    path.write_text(json.dumps({"cells": [PREDICTION]}))
    with pytest.raises(SystemExit, match="no verdict was found for guess"):
        questions.questions(path)
