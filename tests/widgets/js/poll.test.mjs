// The poll: what stands behind a bar, and how many have answered.
import assert from "node:assert/strict";
import { test } from "node:test";

import { counted, percent, share } from "../../../labkit/widgets/js/poll.js";

test("parts of all answers", () => {
  assert.deepEqual([percent(0, 0), percent(1, 3), percent(2, 3), percent(30, 30)], [0, 33, 67, 100]);
  assert.equal(share(0, 0), "0 (0 %)");
  assert.equal(share(12, 18), "12 (67 %)");
});

test("how many have answered", () => {
  assert.equal(counted(0, 1), "0 answers, 1 student joined");
  assert.equal(counted(1, 30), "1 answer, 30 students joined");
});
