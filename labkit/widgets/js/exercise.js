// The fields and buttons of an exercise: what is filled in goes to the kernel, which checks it and shows what it found.
// Rule: nothing is judged here; a field takes only new text from the kernel, never the echo of what is on its way.
// @ts-check
import { follow, frame, make, retype, talk, unique, within } from "./shared.js";

/** @typedef {{name: string, kind: string, options: string[]}} Field */

/**
 * What a field knows of its text: the last one that the kernel told, the last one that both had, and how many of its own
 * are still on their way. A text that comes meanwhile may be the echo of an older one, so it does not count; nor does one
 * that comes while something else is typed.
 */
export function agreement(known = "") {
  let last = known, underway = 0;
  return {
    /** This text was sent. @param {string} text */
    sent(text) { known = text; underway += 1; },
    /** The kernel has answered, or has refused. */
    answered() { underway -= 1; },
    /**
     * What the field shows, now that the kernel has told `told`. @param {string} shown @param {string} told
     */
    told(shown, told) {
      if (underway || told === last) return shown;
      last = told;
      if (shown !== known) return shown;
      known = told;
      return told;
    },
  };
}

/**
 * A list in which one entry has moved to another place. @template T @param {T[]} list @param {number} from @param {number} to
 * @returns {T[]}
 */
export function moved(list, from, to) {
  const rest = list.filter((_, at) => at !== from);
  rest.splice(within(0, to, rest.length), 0, list[from]);
  return rest;
}

/** The options in the order of their letters; as they stand if these are not the letters. @param {string[]} options @param {string} letters */
export function ordered(options, letters) {
  const found = [...letters].map((letter) => options.find((each) => each[0] === letter));
  const whole = found.length === options.length && new Set(found).size === found.length && found.every((each) => each !== undefined);
  return whole ? /** @type {string[]} */ (found) : [...options];
}

/** The letters of these options, in their order. @param {string[]} options */
export const letters = (options) => options.map((each) => each[0]).join("");

/** @typedef {{element: HTMLElement, text: () => string, show: (text: string) => void}} Control */

/** A field to type into. @param {Field} field @param {() => void} check @returns {Control} */
function typed(field, check) {
  const input = /** @type {HTMLInputElement} */ (make("input", {
    type: "text", maxlength: "200", autocomplete: "off", spellcheck: "false", size: field.kind === "number" ? "14" : "22",
  }));
  input.addEventListener("keydown", (event) => { if (event.key === "Enter" && !event.isComposing) check(); });
  return { element: labelled(field.name, input), text: () => input.value, show: (text) => retype(input, text) };
}

/** One of a few words. @param {Field} field @returns {Control} */
function chosen(field) {
  const select = /** @type {HTMLSelectElement} */ (make("select"));
  select.append(make("option", { value: "" }, "choose"));
  for (const option of field.options) select.append(make("option", { value: option }, option));
  return { element: labelled(field.name, select), text: () => select.value, show: (text) => { select.value = text; } };
}

/** A box to tick. @param {Field} field @returns {Control} */
function ticked(field) {
  const box = /** @type {HTMLInputElement} */ (make("input", { type: "checkbox" }));
  const label = make("label", { class: "lk-exercise-tick" });
  label.append(box, make("span", {}, field.name));
  return { element: label, text: () => (box.checked ? "set" : ""), show: (text) => { box.checked = text !== ""; } };
}

/** A control with its name above. @param {string} name @param {HTMLElement} control */
function labelled(name, control) {
  const box = make("div", { class: "lk-exercise-field" });
  control.id = unique();
  box.append(make("label", { for: control.id }, name), control);
  return box;
}

/**
 * Lines to put in order: each is dragged, or moved by its two buttons. @param {Field} field
 * @param {(words: string) => void} say @returns {Control}
 */
function order(field, say) {
  let now = [...field.options];
  const group = make("div", { class: "lk-exercise-order", role: "group", "aria-label": `${field.name}: drag a line, or move it by its buttons` });
  const list = make("ol");
  group.append(list);
  const rows = new Map(field.options.map((option) => [option, row(option)]));

  /** @param {string} option */
  function row(option) {
    const line = make("li"), bar = make("div", { class: "lk-exercise-row" });
    const up = make("button", { type: "button", "aria-label": `move ${option[0]} up` }, "↑");
    const down = make("button", { type: "button", "aria-label": `move ${option[0]} down` }, "↓");
    bar.append(up, down, make("span", { class: "lk-mono" }, option));
    line.append(bar);
    up.addEventListener("click", () => { put(option, now.indexOf(option) - 1); up.focus(); });
    down.addEventListener("click", () => { put(option, now.indexOf(option) + 1); down.focus(); });
    for (const button of [up, down]) {
      button.addEventListener("keydown", (event) => {
        const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
        if (by === undefined) return;
        event.preventDefault();
        put(option, now.indexOf(option) + by);
        button.focus();
      });
    }
    bar.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || /** @type {Element} */ (event.target).closest("button")) return;
      event.preventDefault();
      bar.setPointerCapture(event.pointerId);
      bar.classList.add("lk-exercise-held");
    });
    bar.addEventListener("pointermove", (event) => {
      if (!bar.hasPointerCapture(event.pointerId)) return;
      const others = now.filter((each) => each !== option);
      const above = others.filter((each) => {
        const box = /** @type {HTMLElement} */ (rows.get(each)).getBoundingClientRect();
        return event.clientY > (box.top + box.bottom) / 2;
      }).length;
      if (above !== now.indexOf(option)) put(option, above, false);
    });
    for (const end of ["pointerup", "pointercancel"]) {
      bar.addEventListener(end, () => {
        if (!bar.classList.contains("lk-exercise-held")) return;
        bar.classList.remove("lk-exercise-held");
        tell(option);
      });
    }
    return line;
  }
  /** @param {string} option */
  function tell(option) { say(`${option[0]} is in place ${now.indexOf(option) + 1} of ${now.length}.`); }
  /** @param {string} option @param {number} to */
  function put(option, to, told = true) {
    const at = now.indexOf(option), held = /** @type {HTMLElement} */ (rows.get(option)), target = within(0, to, now.length - 1);
    now = moved(now, at, target);
    // The others move around the one that is moved: an element that is taken out of the page loses pointer and focus.
    now.forEach((each, place) => {
      const line = /** @type {HTMLElement} */ (rows.get(each));
      if (each === option) return;
      if (place < target) list.insertBefore(line, held); else list.append(line);
    });
    if (told) tell(option);
  }
  function draw() { list.replaceChildren(...now.map((each) => /** @type {HTMLElement} */ (rows.get(each)))); }
  draw();
  return { element: group, text: () => letters(now), show: (text) => { now = ordered(field.options, text); draw(); } };
}

/** @param {{model: any, el: HTMLElement}} given */
function render({ model, el }) {
  const name = String(model.get("state").name);
  const { root, line, say } = frame(model, el, "exercise", `answer of ${name}`);
  const form = make("div", { class: "lk-exercise-form" }), bar = make("div", { class: "lk-bar" });
  const button = (/** @type {string} */ words) => make("button", { type: "button" }, words);
  const check = button("Check"), hint = button("Hint"), solution = button("Solution");
  /** @type {Control[]} */
  let controls = [];
  /** @type {ReturnType<typeof agreement>[]} */
  let agreed = [];
  let shown = "";

  const { ask, stop } = talk(model, () => {}, say);
  /** @param {string} what @param {Record<string, any>} [values] */
  async function press(what, values) {
    try {
      const { message } = await ask(what, values);
      say(message.words || "");
    } catch (error) {
      say(/** @type {Error} */ (error).message);
    }
  }
  async function checked() {
    const texts = controls.map((each) => each.text()), mine = agreed;
    texts.forEach((text, at) => mine[at].sent(text));
    await press("check", { answer: JSON.stringify(texts) });
    for (const each of mine) each.answered();
    take();
  }
  /** Take what the kernel has, if it is new. */
  function take() {
    const { texts } = model.get("state");
    controls.forEach((each, at) => {
      const before = each.text(), after = agreed[at].told(before, texts[at] ?? empty[at]);
      if (after !== before) each.show(after);
    });
  }
  /** @type {string[]} */
  let empty = [];
  function draw() {
    const { fields, round } = model.get("state");
    const wanted = JSON.stringify([fields, round]);
    if (wanted !== shown) {
      if (shown) say(""); // what was said is about the problem, or the tries, before
      shown = wanted;
      controls = fields.map((/** @type {Field} */ each) =>
        each.kind === "choice" ? chosen(each) : each.kind === "flag" ? ticked(each) : each.kind === "order" ? order(each, say) : typed(each, checked));
      empty = controls.map((each) => each.text());
      agreed = empty.map((each) => agreement(each));
      form.replaceChildren(...controls.map((each) => each.element));
      form.hidden = !controls.length;
      check.hidden = !controls.length;
    }
    take();
  }
  check.addEventListener("click", checked);
  hint.addEventListener("click", () => press("hint"));
  solution.addEventListener("click", () => press("solution"));
  bar.append(check, hint, solution);
  root.append(form, bar, line);
  const ends = [follow(model, "state", draw), stop];
  return () => ends.forEach((end) => end());
}

export default { render };
