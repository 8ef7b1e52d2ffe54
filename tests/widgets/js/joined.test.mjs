// A poll that was joined: what it says without a question, and when its controls are made anew.
import assert from "node:assert/strict";
import { test } from "node:test";

import { idle, same } from "../../../labkit/widgets/js/joined.js";

const state = (more) => ({ port: 8700, question: "Who?", options: ["a", "b"], mine: -1, text: "", said: "", ended: false, ...more });

test("without a question it says what counts", () => {
  assert.equal(idle(state({})), "You have joined the poll at port 8700. Each prediction that you make in a lesson counts there.");
  assert.equal(idle(state({ ended: true })), "You are no longer in the poll at port 8700.");
});

test("the controls stay while the question does", () => {
  assert.equal(same(undefined, state({})), false);
  assert.equal(same(state({}), state({ mine: 1, said: "…" })), true);
  assert.equal(same(state({}), state({ options: ["a", "c"] })), false);
  assert.equal(same(state({}), state({ question: "Why?" })), false);
});
