"""The engine: three outcomes, hints, when the solution opens, the time limit, hostile answers."""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import threading
from html.parser import HTMLParser
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from labkit.exercises import Exercise, Note, Outcome, Result, progress_file, running
from labkit.exercises.engine import is_empty
from labkit.exercises.result import show, show_error
from labkit.exercises.running import LIMIT, Interrupted, NotAttempted, NotYet, Run, supervised
from tests.needs import leave_out


class Double(Exercise):
    """A small exercise: a function that doubles."""

    name = "test.double"
    title = "double a number"
    steps = ("two", "three")
    stub = "def double(n):\n    ...\n\ndouble.check(double)"
    asks = "Give check() a function."
    praise = "It doubles."
    task = "Write a function that doubles its argument.\n\n```python\ndef double(n):\n    ...\n```"
    hints = ("Think.", "Add.", "`n + n`")
    worked = "```python\ndef double(n):\n    return n + n\n```"
    reference = staticmethod(lambda n: n + n)

    def examine(self, answer: Any, run: Run) -> None:
        if not callable(answer):
            raise NotYet("a function", show(answer))
        for step, number in enumerate((2, 3), 1):
            run.step(step)
            given = run.call(f"double({number})", answer, number)
            if given is None:
                raise NotAttempted
            if given != 2 * number:
                raise NotYet(str(2 * number), show(given), "That is not the double.")


@pytest.fixture
def double(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Double:
    monkeypatch.setenv("LABKIT_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.setattr(progress_file, "_entries", {})
    return Double()


class TestOutcomes:
    @pytest.mark.parametrize("nothing", [None, ..., "", [], set(), {}, b"", [None, ...], {"a": None}])
    def test_nothing_is_not_attempted(self, double: Double, nothing: Any) -> None:
        result = double.check(nothing)
        assert result.outcome is Outcome.NOT_ATTEMPTED
        assert not result
        assert repr(result).split("\n") == [
            "○ test.double: not attempted", "  Give check() a function.", "  Stuck? exercises.test.double.hint().",
        ]  # fmt: skip

    def test_the_untouched_skeleton_is_not_attempted_and_is_told_so(self, double: Double) -> None:
        def empty(n: int) -> int: ...  # type: ignore[empty-body]

        result = double.check(empty)
        assert result.outcome is Outcome.NOT_ATTEMPTED
        assert repr(result).split("\n") == [
            "○ test.double: not attempted",
            "  This is still the empty skeleton, or it returns nothing yet: put your code in place of the ..., and run "
            "this again.",
            "  Stuck? exercises.test.double.hint().",
        ]

    def test_no_argument_is_not_attempted(self, double: Double) -> None:
        assert double.check().outcome is Outcome.NOT_ATTEMPTED

    def test_not_implemented_is_not_attempted(self, double: Double) -> None:
        def stub(n: int) -> int:
            raise NotImplementedError

        assert double.check(stub).outcome is Outcome.NOT_ATTEMPTED

    def test_not_yet_names_step_expected_and_seen(self, double: Double) -> None:
        result = double.check(lambda n: 4)
        assert result.outcome is Outcome.NOT_YET
        assert repr(result).split("\n") == [
            "△ test.double: not yet", "  step 2 of 2: three", "  expected:  6", "  seen:      4",
            "  That is not the double.", "  Stuck? exercises.test.double.hint().",
        ]  # fmt: skip

    def test_correct(self, double: Double) -> None:
        result = double.check(double.reference)
        assert result
        assert result.correct
        assert repr(result) == "✓ test.double: correct\n  It doubles."

    def test_empty_is_only_what_says_nothing(self) -> None:
        assert not any(is_empty(answer) for answer in (0, False, [0], "x", {"a": 0}, [None, 1], [[None], [0]]))
        assert all(is_empty(answer) for answer in ([(None, None), ...], {"a": [], "b": [None]}))
        endless: list[Any] = []
        endless.append(endless)
        assert not is_empty(endless)


class TestHintsAndSolution:
    def test_hints_come_one_more_each_time(self, double: Double) -> None:
        shown = [repr(double.hint()) for _ in range(4)]
        assert shown[:2] == ["Hint 1 of 3. Think.", "Hint 2 of 3. Add."], "in a terminal the earlier ones are above"
        assert shown[2].startswith("Hint 3 of 3. `n + n`")
        assert "exercises.test.double.solution()" in shown[2]
        assert shown[3] == shown[2]

    def test_a_notebook_shows_the_earlier_hints_too(self, double: Double) -> None:
        shown = [double.hint()._repr_markdown_() for _ in range(4)]
        assert [text.count("**Hint ") for text in shown] == [1, 2, 3, 3]

    def test_solution_opens_when_asked_twice(self, double: Double) -> None:
        assert repr(double.solution()) == (
            "The solution of test.double opens after a correct answer or 3 more tries at the same step. "
            "To see it now, ask once more."
        )
        assert "return n + n" in repr(double.solution())

    def test_solution_opens_after_three_tries(self, double: Double) -> None:
        for _ in range(3):
            double.check(lambda n: 0)
        assert "return n + n" in repr(double.solution())

    def test_what_was_not_attempted_is_no_try(self, double: Double) -> None:
        for _ in range(3):
            double.check(None)
        double.check(lambda n: 0)
        double.check(lambda n: 0)
        assert "opens after a correct answer or one more try at the same step" in repr(double.solution())

    def test_third_failure_offers_hint_and_solution(self, double: Double) -> None:
        texts = [repr(double.check(lambda n: 0)) for _ in range(3)]
        assert [text.split("\n")[-1].removeprefix("  Stuck? ") for text in texts] == [
            "exercises.test.double.hint().", "exercises.test.double.hint().",
            "exercises.test.double.hint() or exercises.test.double.solution().",
        ]  # fmt: skip

    def test_a_better_try_is_told_and_does_not_open_the_solution(self, double: Double) -> None:
        for _ in range(2):
            assert "further" not in repr(double.check(lambda n: 0))
        better = repr(double.check(lambda n: 4))
        assert "  You got further: your best answer before failed at step 1.\n" in better
        assert better.endswith("Stuck? exercises.test.double.hint().")
        assert "one more try at the same step" in repr(double.solution())

    def test_a_worse_try_is_told(self, double: Double) -> None:
        double.check(lambda n: 4)
        assert "  Your best answer so far failed at step 2.\n" in repr(double.check(lambda n: 0))
        assert "best" not in repr(double.check(lambda n: 4))

    def test_a_wrong_try_after_a_correct_answer_is_not_told_that_the_best_one_failed(self, double: Double) -> None:
        double.check(lambda n: 4)
        double.check(double.reference)
        assert "best" not in repr(double.check(lambda n: 0))

    def test_what_comes_next_is_said_with_a_correct_answer(self, double: Double) -> None:
        double.following = "exercises.test.triple"
        said = repr(double.check(double.reference))
        assert said == "✓ test.double: correct\n  It doubles.\n  Next in this lesson: exercises.test.triple"

    def test_solution_opens_after_a_correct_answer(self, double: Double) -> None:
        double.check(lambda n: n * 2)
        assert "return n + n" in repr(double.solution())

    def test_an_earlier_session_changes_no_text(self, double: Double) -> None:
        double.check(lambda n: n * 2)
        assert "3 more tries" in repr(Double().solution())

    def test_restart_closes_everything_again(self, double: Double) -> None:
        double.hint()
        for _ in range(3):
            double.check(lambda n: 0)
        double.restart()
        assert "3 more tries" in repr(double.solution())
        assert "Hint 2" not in repr(double.hint())

    def test_task_is_text_and_markdown(self, double: Double) -> None:
        assert repr(double).startswith("Exercise test.double: double a number\n\nWrite a function")
        assert "    def double(n):" in repr(double)
        assert "```" not in repr(double)
        assert "```python" in double._repr_markdown_()


class TestStudentsCode:
    def test_an_exception_shows_the_students_own_lines(self, double: Double) -> None:
        def deeper(n: int) -> int:
            return n + "1"  # type: ignore[operator]

        def answer(n: int) -> int:
            return deeper(n)

        result = double.check(answer)
        assert result.outcome is Outcome.NOT_YET
        assert result.expected == "double(2) returns"
        assert result.seen == "TypeError: unsupported operand type(s) for +: 'int' and 'str'"
        assert [line.split(", ", 1)[1] for line in result.frames] == [
            "in answer: return deeper(n)", 'in deeper: return n + "1"  # type: ignore[operator]',
        ]  # fmt: skip
        assert ".py" not in repr(result)

    @pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit(), RecursionError("deep")])
    def test_no_exception_escapes(self, double: Double, error: BaseException) -> None:
        def answer(n: int) -> int:
            raise error

        result = double.check(answer)
        assert result.outcome is Outcome.NOT_YET
        assert type(error).__name__ in result.seen

    def test_endless_recursion_shows_few_lines(self, double: Double) -> None:
        def answer(n: int) -> int:
            return answer(n)

        result = double.check(answer)
        assert "RecursionError" in result.seen
        assert len(result.frames) == 4

    def test_an_endless_loop_ends_and_is_named(self, double: Double) -> None:
        ended = threading.Event()

        def answer(n: int) -> int:
            try:
                while True:
                    pass
            finally:
                ended.set()

        result = double.check(answer)
        assert result.outcome is Outcome.NOT_YET
        assert result.expected == "double(2) returns"
        assert result.seen == "your function did not return within 2 s"
        assert ended.wait(60), "the loop still runs"

    def test_a_loop_that_cannot_be_stopped_is_said_so(self, double: Double, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("labkit.exercises.running.STOP_WAIT", 0.05)
        release = threading.Event()
        try:
            result = double.check(lambda n: release.wait(60))
        finally:
            release.set()
        assert "restart the kernel" in result.why

    def test_the_limit_counts_from_the_last_call(self) -> None:
        run = Run(limit=0.5)
        passed = []

        def examine(run: Run) -> None:
            for _ in range(3):
                run.call("wait()", threading.Event().wait, 0.3)
                passed.append(1)

        supervised(examine, run)
        assert len(passed) == 3

    def test_time_without_a_core_does_not_count(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The code needs three times its limit here, and for two thirds of it other programs had the cores."""
        lost = iter((0.3, 0.6, 0.6))
        monkeypatch.setattr(running, "_without_a_core", lambda thread: next(lost))
        passed = threading.Event()

        def examine(run: Run) -> None:
            threading.Event().wait(0.7)
            passed.set()

        supervised(examine, Run(limit=0.3))
        assert passed.is_set()

    def test_a_core_that_is_lost_once_counts_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(running, "_without_a_core", lambda thread: 60.0)
        release = threading.Event()
        try:
            with pytest.raises(NotYet) as raised:
                supervised(lambda run: (release.wait(60), None)[1], Run(limit=0.1))
            assert raised.value.seen == "your function did not return within 0.1 s"
        finally:
            release.set()

    def test_the_kernel_tells_who_waits_for_a_core(self) -> None:
        """Three threads of one process in C code share one core: each has to wait for the two others."""
        if not Path("/proc/self/schedstat").exists():
            leave_out("a kernel that says who waits for a core", "use Linux with CONFIG_SCHED_INFO")
        cores = os.sched_getaffinity(0)
        waited: list[float] = []

        def work() -> None:
            os.sched_setaffinity(0, {min(cores)})
            while not done.is_set():
                hashlib.sha256(bytes(1 << 20))  # without the lock of the interpreter

        done = threading.Event()
        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            until = monotonic() + 20
            while not waited and monotonic() < until:
                waited += [seconds for thread in threads if (seconds := running._without_a_core(thread)) > 0.2]
                threads[0].join(0.05)
        finally:
            done.set()
            for thread in threads:
                thread.join()
        assert waited
        assert running._without_a_core(threads[0]) == 0.0, "it has ended"

    def test_a_class_that_hangs_in_iter_is_stopped(self, double: Double) -> None:
        class Evil(list):  # type: ignore[type-arg]
            def __call__(self, n: int) -> Any:
                return self

            def __ne__(self, other: object) -> bool:
                while True:
                    pass

        assert double.check(Evil()).outcome is Outcome.NOT_YET

    def test_a_mistake_of_labkit_is_not_the_students(self) -> None:
        def examine(run: Run) -> None:
            raise AssertionError("in labkit")

        examine.__code__ = examine.__code__.replace(co_filename=supervised.__code__.co_filename)
        with pytest.raises(AssertionError, match="in labkit"):
            supervised(examine, Run())

    def test_limit_is_what_the_message_says(self) -> None:
        assert LIMIT == 2.0


class TestPrinting:
    def printed(self, capsys: pytest.CaptureFixture[str]) -> list[str]:
        return capsys.readouterr().out.splitlines()

    def test_five_lines_and_how_many_more(self, double: Double, capsys: pytest.CaptureFixture[str]) -> None:
        def answer(n: int) -> int:
            for number in range(30):
                print("line", number)
            return 2 * n

        assert double.check(answer).correct
        assert self.printed(capsys) == [*(f"line {number}" for number in range(5)), "… and 55 more lines"]

    @pytest.mark.parametrize(("lines", "last"), [(4, ""), (5, ""), (6, "… and 1 more line"), (7, "… and 2 more lines")])
    def test_few_lines_are_all_shown(
        self, double: Double, capsys: pytest.CaptureFixture[str], lines: int, last: str
    ) -> None:
        def answer(n: int) -> int:
            print("\n".join(map(str, range(lines))), end="" if n == 2 else None)
            raise ValueError

        double.check(answer)
        assert self.printed(capsys) == [*"01234"[:lines], *([last] if last else [])]

    def test_errors_and_output_count_together(self, double: Double, capsys: pytest.CaptureFixture[str]) -> None:
        def answer(n: int) -> int:
            for number in range(4):
                print("out", number)
                print("err", number, file=sys.stderr)
            raise ValueError

        double.check(answer)
        out, err = capsys.readouterr()
        assert out == "out 0\nout 1\nout 2\n… and 3 more lines\n"
        assert err == "err 0\nerr 1\n"

    @pytest.mark.parametrize("text", ["x" * 100_000, "x"])
    def test_an_endless_line_is_cut(self, double: Double, capsys: pytest.CaptureFixture[str], text: str) -> None:
        def answer(n: int) -> int:
            for _ in range(300):
                print(text, end="")
            print()
            raise ValueError

        double.check(answer)
        assert capsys.readouterr().out == "x" * 200 + "…\n"

    def test_a_thread_of_the_students_counts_too(self, double: Double, capsys: pytest.CaptureFixture[str]) -> None:
        def answer(n: int) -> int:
            thread = threading.Thread(target=lambda: print("a\n" * 9, end=""))
            thread.start()
            thread.join()
            raise ValueError

        double.check(answer)
        assert self.printed(capsys) == [*"aaaaa", "… and 4 more lines"]

    def test_after_the_check_everything_is_as_before(
        self, double: Double, capsys: pytest.CaptureFixture[str]
    ) -> None:
        kept: list[Any] = []
        before = sys.stdout, sys.stderr
        double.check(lambda n: kept.append(sys.stdout) or 2 * n)
        assert (sys.stdout, sys.stderr) == before
        kept[0].writelines(["late\n"] * 9)
        assert self.printed(capsys) == ["late"] * 9
        assert kept[0].encoding == sys.stdout.encoding

    def test_a_program_without_a_console(self, double: Double, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "stdout", None)
        assert double.check(lambda n: print(n) or 2 * n).correct
        assert sys.stdout is None

    def test_labkits_own_words_are_not_counted(
        self, double: Double, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("LABKIT_PROGRESS", "/dev/null/progress.json")
        monkeypatch.setattr(progress_file, "_told", set())
        double.check(lambda n: print("a\n" * 9) or 2 * n)
        assert "Progress is not kept" in capsys.readouterr().err


class TestInterrupt:
    def test_ends_in_one_line(self, double: Double) -> None:
        ended = threading.Event()

        def answer(n: int) -> int:
            try:
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
                while True:
                    pass
            finally:
                ended.set()

        with pytest.raises(KeyboardInterrupt) as caught:
            double.check(answer)
        assert isinstance(caught.value, Interrupted)
        assert caught.value._render_traceback_() == [
            "Interrupted: the check of test.double was stopped; it does not count as a try."
        ]
        assert caught.value.__suppress_context__
        assert ended.is_set(), "the student's code still runs"
        assert "3 more tries" in repr(double.solution())
        assert progress_file.entry("test.double").tries == 0

    def test_even_while_its_thread_is_starting(self, double: Double, monkeypatch: pytest.MonkeyPatch) -> None:
        started: list[threading.Thread] = []
        start = threading.Thread.start

        def interrupted(thread: threading.Thread) -> None:
            start(thread)
            started.append(thread)
            raise KeyboardInterrupt

        def answer(n: int) -> int:
            while True:
                pass

        monkeypatch.setattr(threading.Thread, "start", interrupted)
        with pytest.raises(Interrupted):
            double.check(answer)
        started[0].join(60)
        assert not started[0].is_alive(), "the student's code still runs"

    def test_what_was_printed_is_still_counted(self, double: Double, capsys: pytest.CaptureFixture[str]) -> None:
        before = sys.stdout

        def answer(n: int) -> int:
            print("a\n" * 9, end="")
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            while True:
                pass

        with pytest.raises(Interrupted):
            double.check(answer)
        assert capsys.readouterr().out == "a\n" * 5 + "… and 4 more lines\n"
        assert sys.stdout is before


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(2)>"


class TestShowing:
    def test_html_of_an_answer_is_text(self, double: Double) -> None:
        result = double.check(SCRIPT)
        page = _Tags()
        page.feed(result._repr_html_())
        assert page.tags <= {"div", "strong", "table", "tr", "td"}
        assert SCRIPT in page.text

    def test_html_of_an_exception_is_text(self, double: Double) -> None:
        def answer(n: int) -> int:
            raise ValueError(SCRIPT)

        page = _Tags()
        page.feed(double.check(answer)._repr_html_())
        assert "script" not in page.tags
        assert SCRIPT in page.text

    def test_html_says_what_the_text_says(self) -> None:
        result = Result("tcp.x", Outcome.NOT_YET, "step 1 of 1: s", "this", "that", "because", ("line 1, in f",))
        page = _Tags()
        page.feed(result._repr_html_())
        for part in ("tcp.x: not yet", "step 1 of 1: s", "this", "that", "because", "line 1, in f"):
            assert part in page.text
            assert part in repr(result)

    def test_html_takes_the_pages_colours(self) -> None:
        html = Result("tcp.x", Outcome.CORRECT)._repr_html_()
        assert "background" not in html
        assert ";color:" not in html
        assert "--jp-success-color1" in html

    def test_the_students_repr_is_never_called(self, double: Double) -> None:
        class Hostile:
            def __repr__(self) -> str:
                raise AssertionError("called")

            __str__ = __repr__

        assert show(Hostile()) == "an object of class Hostile"
        assert show([Hostile()]) == "[an object of class Hostile]"
        assert double.check(Hostile()).seen == "an object of class Hostile"

    def test_an_exception_that_cannot_be_shown(self) -> None:
        class Hostile(Exception):
            def __str__(self) -> str:
                raise RuntimeError

        assert show_error(Hostile()) == "Hostile"

    def test_addresses_of_this_run_are_left_out(self) -> None:
        assert show(object()) == "an object of class object"
        assert show_error(ValueError(f"no {object()}")) == "ValueError: no <object object>"
        assert show(len) == "the function len"
        assert show(Double) == "the class Double"

    @pytest.mark.parametrize("value", ["x" * 10_000, list(range(10_000)), b"\0" * 10_000, 10**4000])
    def test_values_are_cut(self, value: Any) -> None:
        assert len(show(value)) < 120

    def test_sets_are_in_order(self) -> None:
        assert show({"SYN", "ACK", "FIN"}) == "{'ACK', 'FIN', 'SYN'}"

    def test_note_is_markdown_and_text(self) -> None:
        note = Note("**Hint.** Do\n\n```python\nx = 1\n```")
        assert repr(note) == "Hint. Do\n\n    x = 1"
        assert note._repr_markdown_().startswith(note.markdown)

    def test_fenced_text_has_a_fixed_width_on_an_exported_page(self) -> None:
        """nbconvert's own rule is ``.jp-OutputArea-output pre {font-family: inherit}``; ours is more specific."""
        shown = Note("```text\na  b\n```")._repr_markdown_()
        assert "<style>.jp-OutputArea-output.jp-RenderedMarkdown pre{font-family:" in shown
        assert shown.endswith("monospace}</style>")
        assert "<style" not in Note("Think.")._repr_markdown_()
