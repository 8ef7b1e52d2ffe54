// What every view needs: elements without markup, questions to the kernel, keys for lists and grids.
// Rule: a text is set as text, never as HTML; the kernel may be slow, busy or gone, and the page says which.
// @ts-check

/** @typedef {{tell: string, ticket?: number, words?: string, [name: string]: any}} Told */
/** @typedef {{message: Told, buffers: DataView[]}} Answer */

/** Milliseconds without an answer before the page says so. */
export const PATIENCE = 3000;
/** Milliseconds after which a letter begins a word anew. */
const PAUSE = 1000;
export const GONE = "The kernel does not answer. Run the cell again.";
export const SLOW = "No answer yet: the kernel is busy, or gone. If it is not busy, run the cell again.";

/**
 * An element. Its words are text: what a peer has sent is never read as markup.
 * @param {string} tag @param {Record<string, string>} [attributes] @param {string} [words]
 * @returns {HTMLElement}
 */
export function make(tag, attributes = {}, words) {
  const element = document.createElement(tag);
  for (const name in attributes) element.setAttribute(name, attributes[name]);
  // JupyterLab's shortcuts act on whatever has the focus, unless that very element says this.
  if ("tabindex" in attributes || ["input", "button", "select", "textarea", "summary"].includes(tag)) {
    element.setAttribute("data-lm-suppress-shortcuts", "true");
  }
  if (words !== undefined) element.textContent = words;
  return element;
}

/**
 * An element of SVG.
 * @param {string} tag @param {Record<string, string | number>} [attributes] @param {string} [words]
 * @returns {SVGElement}
 */
export function shape(tag, attributes = {}, words) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const name in attributes) element.setAttribute(name, String(attributes[name]));
  if (words !== undefined) element.textContent = words;
  return element;
}

/** A buffer of UTF-8 as text. @param {DataView | ArrayBuffer | Uint8Array} buffer */
export const text = (buffer) => new TextDecoder().decode(buffer);

/** A buffer as bytes. @param {DataView} buffer */
export const bytesOf = (buffer) => new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);

/** A byte as two hexadecimal digits. @param {number} byte */
export const hex = (byte) => byte.toString(16).padStart(2, "0");

/** A number between two others. @param {number} low @param {number} value @param {number} high */
export const within = (low, value, high) => Math.max(low, Math.min(high, value));

let views = 0;
/** A name for an id that no other view of this page has. */
export const unique = () => `lk${(views += 1)}-${Math.random().toString(36).slice(2, 8)}`;

/**
 * Questions to the kernel: each has a ticket, and its answer finds it by that. What the kernel tells unasked goes to
 * `told`. `say` shows a line: why there is no answer, and "" once there is one again.
 * @param {any} model @param {(message: Told, buffers: DataView[]) => void} told @param {(words: string) => void} say
 * @param {number} [patience]
 */
export function talk(model, told, say, patience = PATIENCE) {
  let last = 0, complained = false;
  /** @type {Map<number, {resolve: (answer: Answer) => void, reject: (error: Error) => void, timer: any}>} */
  const waiting = new Map();

  /** @param {Told} message @param {DataView[]} buffers */
  function heard(message, buffers) {
    if (complained) { complained = false; say(""); }
    const asked = message.ticket === undefined ? undefined : waiting.get(message.ticket);
    if (!asked) { if (message.ticket === undefined) told(message, buffers || []); return; }
    waiting.delete(/** @type {number} */ (message.ticket));
    clearTimeout(asked.timer);
    if (message.tell === "error") asked.reject(new Error(message.words));
    else asked.resolve({ message, buffers: buffers || [] });
  }
  /** @param {string} words */
  function complain(words) { complained = true; say(words); }

  model.on("msg:custom", heard);
  return {
    /**
     * Ask, and get the answer; an error has the kernel's words. Without a kernel, there is never an answer.
     * @param {string} ask @param {Record<string, any>} [values] @param {ArrayBuffer[]} [buffers] @returns {Promise<Answer>}
     */
    ask(ask, values = {}, buffers = []) {
      const ticket = (last += 1);
      return new Promise((resolve, reject) => {
        waiting.set(ticket, { resolve, reject, timer: setTimeout(() => complain(SLOW), patience) });
        try {
          model.send({ ask, ticket, ...values }, undefined, buffers);
        } catch {
          clearTimeout(waiting.get(ticket)?.timer);
          waiting.delete(ticket);
          complain(GONE);
        }
      });
    },
    /** Hear nothing more: the view is removed from the page. */
    stop() {
      model.off("msg:custom", heard);
      for (const { timer } of waiting.values()) clearTimeout(timer);
      waiting.clear();
    },
  };
}

/**
 * Follow a part of the state that the kernel sets: once now, and at each change. Returns what ends it.
 * @param {any} model @param {string} name @param {() => void} draw
 */
export function follow(model, name, draw) {
  model.on(`change:${name}`, draw);
  draw();
  return () => model.off(`change:${name}`, draw);
}

/**
 * Where a key leads in a list of `count`, from `at`, a page having `page` entries; undefined for another key.
 * @param {string} key @param {number} at @param {number} count @param {number} page
 */
export function step(key, at, count, page) {
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: count - 1 }[key];
  return to === undefined ? undefined : within(0, to, Math.max(0, count - 1));
}

/**
 * Letters typed on a list one after the other, and where they lead: to the next entry that begins with them, from the
 * present one on; one letter, typed again, leads on from there. A pause begins anew.
 */
export function typing(pause = PAUSE) {
  let typed = "", when = 0;
  /**
   * The entry to go to; undefined for a key that is no letter, and if no entry begins so.
   * @param {KeyboardEvent} event @param {string[]} names @param {number} at
   */
  return (event, names, at) => {
    if (event.key.length !== 1 || event.ctrlKey || event.altKey || event.metaKey) return undefined;
    if (event.timeStamp - when > pause) typed = "";
    if (!typed && event.key === " ") return undefined;
    typed += event.key.toLowerCase();
    when = event.timeStamp;
    const again = [...typed].every((letter) => letter === typed[0]), wanted = again ? typed[0] : typed;
    for (let n = again ? 1 : 0; n <= names.length; n += 1) {
      const place = (Math.max(at, 0) + n) % names.length;
      if (names[place].toLowerCase().startsWith(wanted)) return place;
    }
    return undefined;
  };
}

/** Move the one place in a group that the Tab key reaches. @param {Iterable<HTMLElement>} all @param {HTMLElement | undefined} next */
export function rove(all, next) {
  if (!next) return;
  for (const each of all) if (each.tabIndex === 0) each.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
}

/**
 * Put a text into a field. If all of the old text is selected, all of the new one is: whoever types next replaces it,
 * as was meant.
 * @param {HTMLInputElement | HTMLTextAreaElement} field @param {string} text
 */
export function retype(field, text) {
  if (field.value === text) return;
  const all = field.value && field.selectionStart === 0 && field.selectionEnd === field.value.length;
  field.value = text;
  if (all) field.setSelectionRange(0, text.length);
}

/**
 * Give the page the style of a view, once: each style that is put in makes the page compute all of its styles again.
 * Another text under the same id, from a newer kernel, takes the place of the old one.
 * @param {string} id @param {string} text
 */
export function dress(id, text) {
  const found = document.getElementById(id);
  if (found?.textContent === text) return;
  const style = found || make("style", { id });
  style.textContent = text;
  if (!found) document.head.append(style);
}

/**
 * The frame of a view: a named group that has JupyterLab's colours, larger on a projector, with a line below for what
 * there is to say. Its elements keep JupyterLab's shortcuts away, and the Tab key leads out of the notebook: Escape leads
 * back to the cell, as it does from a cell's text. @param {any} model @param {HTMLElement} el @param {string} name @param {string} label
 */
export function frame(model, el, name, label) {
  const root = make("div", { class: `lk lk-${name}`, role: "group", "aria-label": label });
  root.classList.toggle("lk-large", Boolean(model.get("large")));
  const line = make("div", { class: "lk-say", role: "status" });
  root.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.defaultPrevented || event.isComposing) return;
    const cell = /** @type {HTMLElement | null} */ (root.closest(".jp-Notebook-cell"));
    if (!cell) return;
    event.preventDefault();
    cell.focus();
  });
  el.append(root);
  return { root, line, say: (/** @type {string} */ words) => { line.textContent = words; } };
}
