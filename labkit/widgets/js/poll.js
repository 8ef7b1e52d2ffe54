// A poll: the answers of a room as bars, which grow while they come.
// Rule: the counts are the kernel's; no page but the instructor's decides which question is shown.
// @ts-check
import { follow, frame, make, talk } from "./shared.js";

/** @typedef {{question: string, bars: [string, number][], answered: number, joined: number, hidden: boolean, ended: boolean,
 * port: number, how: string, questions: [string, number][], chosen: number}} State */

/** Milliseconds between two questions whether the kernel is still there. */
const PULSE = 3000;

/** A part of all answers, in percent. @param {number} part @param {number} all */
export const percent = (part, all) => (all ? Math.round((100 * part) / all) : 0);

/** What stands behind a bar. @param {number} part @param {number} all */
export const share = (part, all) => `${part} (${percent(part, all)} %)`;

/** How many have answered, of those who are there. @param {number} answered @param {number} joined */
export const counted = (answered, joined) =>
  `${answered} ${answered === 1 ? "answer" : "answers"}, ${joined} ${joined === 1 ? "student" : "students"} joined`;

/** @param {{model: any, el: HTMLElement}} context */
function render({ model, el }) {
  const { root, line, say } = frame(model, el, "poll", "Poll");
  let trouble = "";
  const bar = make("div", { class: "lk-bar" });
  const hide = make("button", { type: "button" });
  const clear = make("button", { type: "button", title: "give up the answers to this question" }, "Clear");
  const close = make("button", { type: "button", title: "take no answer any more" }, "End poll");
  const count = make("span", { class: "lk-poll-count lk-quiet" });
  const select = /** @type {HTMLSelectElement} */ (make("select", { "aria-label": "Question" }));
  bar.append(hide, clear, close, select, count);
  const body = make("div", { class: "lk-poll-body" });
  const question = make("p", { class: "lk-poll-question" });
  const list = make("ul", { class: "lk-poll-bars" });
  const how = make("p", { class: "lk-poll-how" });
  body.append(question, list, how);
  root.append(bar, body, line);

  /** @type {{item: HTMLElement, name: HTMLElement, full: HTMLElement, number: HTMLElement}[]} */
  const rows = [];
  function another() {
    const item = make("li"), name = make("span", { class: "lk-poll-name" });
    const track = make("span", { class: "lk-poll-track", "aria-hidden": "true" }), full = make("span", { class: "lk-poll-full" });
    const number = make("span", { class: "lk-poll-number" });
    track.append(full);
    item.append(name, track, number);
    list.append(item);
    rows.push({ item, name, full, number });
  }

  /** @returns {State} */
  const state = () => model.get("state");
  /** @param {HTMLElement} element @param {string} words */
  function put(element, words) { if (element.textContent !== words) element.textContent = words; }

  function draw() {
    const now = state();
    put(hide, now.hidden ? "Show bars" : "Hide bars");
    put(question, now.question || "No prediction has come yet.");
    while (rows.length < now.bars.length) another();
    rows.forEach(({ item, name, full, number }, at) => {
      item.hidden = at >= now.bars.length;
      if (item.hidden) return;
      const [words, many] = now.bars[at];
      put(name, words);
      put(number, share(many, now.answered));
      full.style.width = `${percent(many, now.answered)}%`;
    });
    put(count, counted(now.answered, now.joined));
    how.replaceChildren(...(now.ended ? [] : ["To join, run in a cell: ", make("code", {}, `labkit.join(${now.port})`)]));
    offer(now);
    for (const each of [clear, close]) /** @type {HTMLButtonElement} */ (each).disabled = now.ended;
    status();
  }
  /** The questions to choose from. @param {State} now */
  function offer(now) {
    select.hidden = now.questions.length < 2;
    const names = now.questions.map(([words, many]) => `${words} (${many})`);
    names.forEach((name, at) => {
      if (at >= select.options.length) select.append(make("option", { value: String(at) }));
      put(select.options[at], name);
    });
    while (select.options.length > names.length) select.options[names.length].remove();
    if (now.chosen >= 0) select.value = String(now.chosen);
  }
  function status() {
    const { ended, hidden } = state();
    say(trouble || (ended ? "The poll has ended." : hidden ? "The bars are hidden. Answers are taken meanwhile." : ""));
  }
  /** @param {string} words */
  function complain(words) { trouble = words; status(); }

  const { ask, stop } = talk(model, () => {}, complain);
  /** @param {string} what @param {Record<string, any>} [values] */
  function wish(what, values) { ask(what, values).catch((error) => complain(error.message)); }
  hide.addEventListener("click", () => wish(state().hidden ? "show" : "hide"));
  clear.addEventListener("click", () => wish("clear"));
  close.addEventListener("click", () => wish("close"));
  select.addEventListener("change", () => wish("choose", { number: Number(select.value) }));
  const unfollow = follow(model, "state", draw);
  const pulse = setInterval(() => { if (!state().ended && el.isConnected) wish("there"); }, PULSE);
  return () => {
    clearInterval(pulse);
    unfollow();
    stop();
  };
}
export default { render };
