"""A client with slips: each slip alone is found by its own step, and so is what students write in their place."""

from __future__ import annotations

from typing import Any

import pytest

from labkit import http
from labkit.exercises import Outcome
from labkit.exercises.http import slips
from labkit.exercises.http.slips import CHINESE, ENGLISH, LISTING, SLIPS, ask
from tests.exercises.answers import refused


def made(text: str) -> Any:
    names: dict[str, Any] = {}
    exec(text, names)
    return names["ask"]


def mended(*but: str) -> str:
    """The listing without its slips, but for these."""
    text = LISTING
    for slip, right in SLIPS.items():
        assert text.count(slip) == 1
        if slip not in but:
            text = text.replace(f'"{slip}"' if slip == "mehtod" else slip, f'"{right}"' if slip == "mehtod" else right)
    return text


def with_names(port: int) -> str:
    """Right, without a dictionary of options."""
    request = http.request(port=port, method="POST", path="/greeting", headers={"accept-language": "zh-CN, en"})
    request.write("A")
    text: str = request.end("da").wait_for("response").body().decode()
    return text


def with_a_url(port: int) -> str:
    """Right, without the pool."""
    request = http.request(f"http://127.0.0.1:{port}/greeting", method="post", headers=[("Accept-Language", "zh")],
                           agent=False)  # fmt: skip
    text: str = request.end("Ada").wait_for("response").body().decode()
    return text


def as_get(port: int) -> str:
    request = http.request(port=port, path="/greeting", headers={"Accept-Language": "zh"})
    text: str = request.end().wait_for("response").body().decode()
    return text


def to_another_path(port: int) -> str:
    request = http.request(port=port, method="POST", headers={"Accept-Language": "zh"})
    text: str = request.end("Ada").wait_for("response").body().decode()
    return text


def without_a_body(port: int) -> str:
    request = http.request(port=port, method="POST", path="/greeting", headers={"Accept-Language": "zh"})
    text: str = request.end().wait_for("response").body().decode()
    return text


def returns_bytes(port: int) -> Any:
    request = http.request(port=port, method="POST", path="/greeting", headers={"Accept-Language": "zh"})
    return request.end("Ada").wait_for("response").body()


def returns_nothing(port: int) -> None:
    ask(port)


def never_ends(port: int) -> Any:
    request = http.request(port=port, method="POST", path="/greeting", headers={"Accept-Language": "zh"})
    return request.wait_for("response", timeout=0.05).body().decode()


def makes_it_up(port: int) -> str:
    return CHINESE


def fails_at_the_end(port: int) -> Any:
    return ask(port).wirte()  # type: ignore[attr-defined]


def divides(port: int) -> Any:
    ask(port)
    return 1 // 0


@pytest.mark.parametrize("answer", [ask, with_names, with_a_url, made(mended())])
def test_right(answer: Any) -> None:
    result = slips.check(answer)
    assert result.correct, result


@pytest.mark.parametrize(("slip", "step", "seen"), [
    ("opitons", 1, "NameError: name 'opitons' is not defined"),
    ("mehtod", 2, "request() has no argument 'mehtod'"),
    ("1338", 3, "1338"),
    ("Langauge", 5, "accept-langauge: zh"),
])  # fmt: skip
def test_each_slip_is_found_by_its_own_step(slip: str, step: int, seen: str, capfd: pytest.CaptureFixture[str]) -> None:
    result = slips.check(made(mended(slip)))
    assert result.outcome is Outcome.NOT_YET, result
    assert result.step.startswith(f"step {step} of 6"), result
    assert seen in result.seen, result
    assert capfd.readouterr().err == "", "the finding says it all"


def test_slips_are_found_one_after_the_other() -> None:
    left = list(SLIPS)
    for step in (1, 2, 3, 5):
        assert slips.check(made(mended(*left))).step.startswith(f"step {step} of 6")
        left.pop(0)


@pytest.mark.parametrize(("answer", "step", "message"), [
    (as_get, 4, "Without it, the request is a GET"),
    (to_another_path, 4, "The option path names the target"),
    (without_a_body, 4, "what end() is given"),
    (returns_bytes, 6, "decoded"),
    (returns_nothing, 6, "decoded"),
    (never_ends, 3, "it is complete when end() was called"),
    (makes_it_up, 3, "asked somebody else or nobody"),
    (fails_at_the_end, 1, "has no attribute 'wirte'"),
    (divides, 6, "ZeroDivisionError"),
    (lambda: None, 2, "TypeError"),
])  # fmt: skip
def test_wrong_answers(answer: Any, step: int, message: str) -> None:
    result = slips.check(answer)
    assert result.outcome is Outcome.NOT_YET, result
    assert result.step.startswith(f"step {step} of 6"), result
    assert message in f"{result.seen}\n{result.why}", result


def test_the_misspelt_field_gets_an_answer_without_an_error() -> None:
    """That is the point of this slip: only the answer's language tells."""
    got: list[str] = []
    function = made(mended("Langauge"))
    assert slips.check(lambda port: got.append(function(port))).outcome is Outcome.NOT_YET
    assert got == [ENGLISH]


def test_a_better_answer_is_told_that_it_got_further() -> None:
    refused(slips, made(LISTING), 1, "when the line runs")
    refused(slips, made(mended("Langauge")), 5, "You got further: your best answer before failed at step 1.")
