// The question of a poll that was joined: answers to choose from, or a field to type into.
// Rule: an answer counts when the kernel says so; the page marks the one that the kernel has.
// @ts-check
import { follow, frame, make, talk, unique } from "./shared.js";

/** @typedef {{port: number, question: string, options: string[], mine: number, text: string, said: string, ended: boolean}} State */

/** What stands in place of a question. @param {State} state */
export const idle = (state) => state.ended
  ? `You are no longer in the poll at port ${state.port}.`
  : `You have joined the poll at port ${state.port}. Each prediction that you make in a lesson counts there.`;

/** Whether two states ask the same. @param {State | undefined} one @param {State} other */
export const same = (one, other) => one !== undefined && one.question === other.question && one.options.join("\n") === other.options.join("\n");

/** @param {{model: any, el: HTMLElement}} context */
function render({ model, el }) {
  const { root, line, say } = frame(model, el, "joined", "Question of the poll");
  const body = make("div", { class: "lk-joined-body" });
  root.append(body, line);
  let trouble = "";
  /** @type {State | undefined} */
  let before;
  /** @type {HTMLInputElement[]} */
  let inputs = [];

  /** @param {string} words */
  function complain(words) { trouble = words; say(words || model.get("state").said); }
  const { ask, stop } = talk(model, () => {}, complain);
  /** @param {string} what @param {Record<string, any>} values */
  function answer(what, values) { ask(what, values).catch((error) => complain(error.message)); }

  /** The controls of a question, made anew. @param {State} state */
  function lay(state) {
    inputs = [];
    if (!state.question) { body.replaceChildren(make("p", {}, idle(state))); return; }
    const group = make("fieldset"), name = unique();
    group.append(make("legend", {}, state.question));
    body.replaceChildren(group);
    state.options.forEach((option, number) => {
      const label = make("label"), input = /** @type {HTMLInputElement} */ (make("input", { type: "radio", name }));
      input.addEventListener("change", () => answer("choose", { number }));
      label.append(input, make("span", {}, option));
      group.append(label);
      inputs.push(input);
    });
    if (state.options.length) return;
    const row = make("div", { class: "lk-joined-row" }), send = make("button", { type: "button" }, "Answer");
    const field = /** @type {HTMLInputElement} */ (make("input", { type: "text", maxlength: "200", autocomplete: "off", "aria-label": "Your answer" }));
    const enter = () => { if (field.value.trim()) answer("enter", { text: field.value }); };
    field.addEventListener("keydown", (event) => { if (event.key === "Enter" && !event.isComposing) enter(); });
    field.value = state.text;
    send.addEventListener("click", enter);
    row.append(field, send);
    group.append(row);
  }

  const unfollow = follow(model, "state", () => {
    const state = /** @type {State} */ (model.get("state"));
    if (!same(before, state) || before?.ended !== state.ended) lay(state);
    before = state;
    inputs.forEach((input, number) => { input.checked = number === state.mine; });
    for (const each of body.querySelectorAll("input, button")) /** @type {HTMLInputElement} */ (each).disabled = state.ended;
    say(trouble || state.said);
  });
  return () => { unfollow(); stop(); };
}
export default { render };
