"""A pipelined exchange: h11 reads the same answers out of it, and each slip has its own words."""

from __future__ import annotations

import h11
import pytest

from labkit.exercises.http import pipeline
from tests.exercises.answers import refused

SEEDS = range(1, 41)


def statuses_by_h11(stream: bytes, requests: list[str]) -> list[int]:
    """The final statuses that h11 finds, one after the other, for these requests."""
    found: list[int] = []
    for request in requests:
        method, target = request.split(",")[0].split(" ")
        connection = h11.Connection(h11.CLIENT)
        connection.send(h11.Request(method=method, target=target, headers=[("Host", "lab")]))
        connection.send(h11.EndOfMessage())
        connection.receive_data(stream)
        while not isinstance(event := connection.next_event(), h11.EndOfMessage):
            assert event is not h11.NEED_DATA
            if isinstance(event, h11.Response):
                found.append(event.status_code)
        stream = connection.trailing_data[0]
    assert stream == b""
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_h11_reads_the_same(seed: int) -> None:
    letters, statuses = pipeline.another(seed).reference
    stream = b"".join(pipeline.arrived[letter].data for letter in letters)
    assert statuses_by_h11(stream, [each.request for each in pipeline.exchanges]) == statuses


@pytest.mark.parametrize("seed", SEEDS)
def test_each_slip_has_its_own_words(seed: int) -> None:
    letters, statuses = pipeline.another(seed).reference
    assert letters != "".join(sorted(letters)) or len(pipeline.arrived) == 6
    refused(pipeline, ["ABCDEF", statuses], 2, "the order in which they arrived")
    refused(pipeline, [letters[:-1], statuses], 2, "More segments follow")
    first, rest = letters[0], letters[1:]
    if rest + first not in ("ABCDEF",):
        refused(pipeline, [rest + first, statuses], 2, "would be missing before it")
    refused(pipeline, [letters + first, statuses], 2, "")
    log = statuses.index(200)
    for wrong, words in ((103, "103 is an interim answer"), (500, "This line is inside a body"),
                         (418, "No answer in the stream")):
        refused(pipeline, [letters, [*statuses[:log], wrong, *statuses[log + 1 :]]], 3, words)
    refused(pipeline, [letters, statuses[::-1]], 3, "in the order of the requests")
    refused(pipeline, [letters, [statuses[1], *statuses[1:]]], 3, "Count the final answers")


@pytest.mark.parametrize("seed", SEEDS)
def test_either_copy_is_right_and_both_are_not(seed: int) -> None:
    letters, statuses = pipeline.another(seed).reference
    (other,) = set(pipeline.arrived) - set(letters)
    (mine,) = (each for each in letters if pipeline.arrived[each] == pipeline.arrived[other])
    assert pipeline.check([letters.replace(mine, other), statuses]).correct
    refused(pipeline, [letters.replace(mine, mine + other), statuses], 2, f"the same bytes as {mine}")


@pytest.mark.parametrize("seed", SEEDS)
def test_what_the_task_says_holds(seed: int) -> None:
    pipeline.another(seed)
    segments = list(pipeline.arrived.values())
    assert len(segments) == 6
    assert len(set(segments)) == 5
    assert list(dict.fromkeys(segments)) != sorted(set(segments), key=lambda each: each.seq)
    for text in ("HEAD /big", "GET /log"):
        assert text in pipeline.task


def test_ways_to_write_it() -> None:
    letters, statuses = pipeline.reference
    assert pipeline.check((list(letters.lower()), [str(each) for each in statuses])).correct
    assert pipeline.check([", ".join(letters), tuple(statuses)]).correct


@pytest.mark.parametrize(("answer", "message"), [
    ("ABC", "two parts"), ([1, [200] * 4], "two parts"), (["", [200] * 4], "two parts"),
    (["XYZ", [200] * 4], "No segment has this letter"), (["ABC", [200]], "two parts"), (["ABC", 200], "two parts"),
    (["ABC", [200, 200, 200, "ok"]], "two parts"), (["ABC", [200, 200, 200, None]], "two parts"),
])  # fmt: skip
def test_no_answer_of_this_form(answer: object, message: str) -> None:
    refused(pipeline, answer, 1, message)


def test_a_better_answer_is_told_that_it_got_further() -> None:
    letters, statuses = pipeline.reference
    refused(pipeline, ["ABCDEF", statuses], 2, "")
    refused(pipeline, [letters, statuses[::-1]], 3, "You got further: your best answer before failed at step 2.")
