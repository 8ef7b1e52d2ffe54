"""Loaded in every run of the tests and of the lessons, wherever it starts.

Rule: only what nbval has to know before it collects the notebooks.
"""

from __future__ import annotations

from tests.notebooks.pictures import compare_pictures_in_nbval

compare_pictures_in_nbval()
