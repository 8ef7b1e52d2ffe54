// The live ladder: which rows are kept, and how times, numbers and conversations are written.
import assert from "node:assert/strict";
import { test } from "node:test";

import { above, below, conversations, counted, newest, scrolledBack, time } from "../../../labkit/widgets/js/live.js";

const row = (number, between = "50000 → 8124", what = "ACK", size = 0, note = "", said = "") =>
  [number, "1.500", 1, between, what, size, "", note, said].join("\t");

test("the newest rows are kept, and what was given up is counted", () => {
  const rows = newest(3);
  rows.add([1, 2].map((each) => row(each)).join("\n"));
  assert.deepEqual([rows.rows.length, rows.last, rows.gone], [2, 2, 0]);
  rows.add([3, 4, 5].map((each) => row(each)).join("\n"));
  assert.deepEqual([rows.rows.map(([number]) => number), rows.last, rows.gone], [["3", "4", "5"], 5, 2]);
});

test("a row that is known already is passed over, and one that was given up", () => {
  const rows = newest(9);
  rows.add([1, 2].map((each) => row(each)).join("\n"));
  rows.add([1, 2, 3].map((each) => row(each)).join("\n"));
  assert.equal(rows.rows.length, 3);
  rows.clear(2);
  assert.deepEqual([rows.rows.map(([number]) => number), rows.gone], [["3"], 2]);
  rows.clear(7);
  rows.add([6, 7, 8].map((each) => row(each)).join("\n"));
  assert.deepEqual(rows.rows.map(([number]) => number), ["8"]);
  rows.add("");
  assert.equal(rows.rows.length, 1);
});

test("the whole may come after newer rows: on a slow kernel they overtake the answer", () => {
  const numbers = (rows) => rows.rows.map(([number]) => Number(number));
  const rows = newest(9);
  rows.add([4, 5].map((each) => row(each)).join("\n"));
  rows.whole([1, 2, 3, 4].map((each) => row(each)).join("\n"));
  assert.deepEqual([numbers(rows), rows.last], [[1, 2, 3, 4, 5], 5]);
  rows.clear(2);
  rows.whole([1, 2, 3, 4, 5, 6].map((each) => row(each)).join("\n"));
  assert.deepEqual(numbers(rows), [3, 4, 5, 6]);
  rows.whole("");
  assert.deepEqual(numbers(rows), [3, 4, 5, 6]);
  const few = newest(2);
  few.add(row(4));
  few.whole([1, 2, 3].map((each) => row(each)).join("\n"));
  assert.deepEqual([numbers(few), few.gone], [[3, 4], 2]);
});

test("no more than the newest are kept, however many come", () => {
  const rows = newest(500);
  for (let first = 0; first < 100_000; first += 1000) rows.add(Array.from({ length: 1000 }, (_, at) => row(first + at + 1)).join("\n"));
  assert.deepEqual([rows.rows.length, rows.last, rows.gone], [500, 100_000, 99_500]);
});

test("what a row says", () => {
  const all = row(1, "a", "PSH, ACK seq=1 ack=1", 1234, "retransmission", "“<b>”").split("\t");
  assert.deepEqual([above(all), below(all)], ["PSH, ACK seq=1 ack=1, 1,234 bytes", "retransmission · “<b>”"]);
  assert.deepEqual([above(row(1).split("\t")), below(row(1).split("\t"))], ["ACK", ""]);
  assert.equal(above(row(1, "a", "UDP", 1).split("\t")), "UDP, 1 byte");
  assert.deepEqual(["", "0.000", "999.94", "1000.000", "-3.000", "61234.567"].map(time), ["", "0.0 ms", "999.9 ms", "1.000 s", "-3.0 ms", "61.235 s"]);
});

test("the conversations are named once, in their order", () => {
  assert.deepEqual(conversations(["b", "a", "b"].map((name, at) => row(at + 1, name).split("\t"))), ["b", "a"]);
});

test("what there is to count", () => {
  assert.equal(counted(0, 0, 0, 0), "0 packets");
  assert.equal(counted(1, 1, 0, 0.9), "1 packet");
  assert.equal(counted(1_200_000, 500, 12, 19_999.6), "1,200,000 packets, 20,000 a second, the newest 500 are here, 12 lost");
});

test("the smallest step back is a step back; what the end pushes is none", () => {
  assert.ok(scrolledBack(997, 1000, 1000));
  assert.ok(!scrolledBack(1000, 1000, 1000));
  assert.ok(!scrolledBack(1000, 1000, 1040)); // rows came, and nobody scrolled
  assert.ok(!scrolledBack(900, 1000, 900)); // the list is shorter, or the page taller
  assert.ok(scrolledBack(800, 1000, 900));
});
