// The fields of an exercise: what a field takes of what the kernel tells, and the order of lines.
import assert from "node:assert/strict";
import { test } from "node:test";

import { agreement, letters, moved, ordered } from "../../../labkit/widgets/js/exercise.js";

test("a field takes a new text if nothing was typed", () => {
  const agreed = agreement();
  assert.equal(agreed.told("", "12"), "12");
  assert.equal(agreed.told("12", ""), "");
});

test("what is typed stays when a message comes, the same or another", () => {
  const agreed = agreement();
  assert.equal(agreed.told("1", ""), "1");
  assert.equal(agreed.told("12", "7"), "12");
  assert.equal(agreed.told("123", "7"), "123");
});

test("a slow kernel: the echo of an older text erases nothing, however the messages mix", () => {
  const agreed = agreement();
  let shown = "1";
  agreed.sent(shown);
  shown = "12";
  agreed.sent(shown);
  shown = agreed.told(shown, "1"); // the echo of the first
  assert.equal(shown, "12");
  agreed.answered();
  shown = agreed.told(shown, "1"); // the answer to the first, and the state as it is then
  assert.equal(shown, "12");
  shown += "3"; // typed meanwhile
  shown = agreed.told(shown, "12");
  agreed.answered();
  assert.equal(agreed.told(shown, "12"), "123");
});

test("after all is answered, a new text counts again", () => {
  const agreed = agreement();
  agreed.sent("5");
  assert.equal(agreed.told("5", "5"), "5");
  agreed.answered();
  assert.equal(agreed.told("5", "5"), "5");
  assert.equal(agreed.told("5", ""), "");
});

test("a text that the kernel refuses stays in the field", () => {
  const agreed = agreement();
  agreed.sent("5");
  agreed.answered();
  assert.equal(agreed.told("5", ""), "5");
});

test("an entry moves, and never out of the list", () => {
  assert.deepEqual(moved(["a", "b", "c"], 0, 1), ["b", "a", "c"]);
  assert.deepEqual(moved(["a", "b", "c"], 2, 0), ["c", "a", "b"]);
  assert.deepEqual(moved(["a", "b", "c"], 0, -1), ["a", "b", "c"]);
  assert.deepEqual(moved(["a", "b", "c"], 1, 9), ["a", "c", "b"]);
});

test("lines by their letters; letters that are not theirs change nothing", () => {
  const lines = ["A  one", "B  two", "C  three"];
  assert.deepEqual(ordered(lines, "CAB"), ["C  three", "A  one", "B  two"]);
  for (const wrong of ["", "AB", "AAB", "ABD", "ABCA", "<script>"]) assert.deepEqual(ordered(lines, wrong), lines);
  assert.equal(letters(ordered(lines, "BCA")), "BCA");
});
