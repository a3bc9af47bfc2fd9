/**
 * From keys to actions: the table of what can be done is in actions.js, shared with buttons and
 * the help sheet. Keys typed into a field stay there.
 */

/** @typedef {import("./page.js").Page} Page */
/** @typedef {import("./actions.js").Action} Action */

/**
 * The name of a key press, as in actions.js: "Ctrl+Shift+Z", "Shift+Q", "b", "[".
 *
 * @param {KeyboardEvent} event
 * @returns {string}
 */
export function keyName(event) {
  // AltGr, which types "[" on many keyboards, comes as Ctrl and Alt on Windows, as Alt on a Mac.
  const third = event.getModifierState("AltGraph");
  const command = !third && (event.ctrlKey || event.metaKey);
  const named = event.key.length > 1;
  const key = named ? event.key : event.key === " " ? "Space" : third ? event.key : signOf(event);
  const letter = /^[a-z]$/.test(key);
  const alt = event.altKey && !third && (named || letter);
  const shift = event.shiftKey && (named || letter);
  return `${command ? "Ctrl+" : ""}${alt ? "Alt+" : ""}${shift ? "Shift+" : ""}${
    (command || shift) && letter ? key.toUpperCase() : key
  }`;
}

/**
 * What a key types; of a script other than Latin, the Latin letter that is printed beside it.
 *
 * @param {KeyboardEvent} event
 * @returns {string}
 */
function signOf({ key, code }) {
  const [, place] = (/^(?![a-z])\p{L}$/iu.test(key) && /^Key([A-Z])$/.exec(code)) || [];
  return (place ?? key).toLowerCase();
}

/**
 * Run the action of a key, anywhere on the page.
 *
 * @param {Page} page
 * @param {readonly Action[]} actions
 */
export function listenToKeys(page, actions) {
  /** @type {Map<string, Action[]>} */
  const table = new Map();
  for (const action of actions) {
    for (const key of action.keys) table.set(key, [...(table.get(key) ?? []), action]);
  }
  window.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || isTyping(event) || document.querySelector("dialog[open]")) return;
    const name = keyName(event);
    if (page.tool.key?.(name) === true) {
      event.preventDefault();
      return;
    }
    const action = table.get(name)?.find((one) => !one.able || one.able(page));
    if (!action || (event.repeat && !action.repeats)) return;
    event.preventDefault();
    action.run(page);
  });
}

/** @param {KeyboardEvent} event @returns {boolean} */
function isTyping(event) {
  const target = /** @type {HTMLElement} */ (event.target);
  if (target.matches("input[type=range], input[type=checkbox]")) {
    return /^(Arrow|Home|End|Page| )/.test(event.key);
  }
  if (target.matches("input, textarea, select")) return event.key !== "Escape";
  const pressed = event.key === "Enter" || event.key === " ";
  return pressed && target.matches("button, a, [role=option]");
}

/** How a key is written for people. @param {string} key @returns {string} */
export function writtenKey(key) {
  const mac = /Mac|iP(hone|ad)/.test(navigator.platform);
  /** @type {Record<string, string>} */
  const names = { Escape: "Esc", ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓" };
  return key
    .split(/\+(?=.)/)
    .map((part) => (part === "Ctrl" && mac ? "⌘" : (names[part] ?? part)))
    .map((part) => (part.length === 1 ? part.toUpperCase() : part))
    .join(mac ? "" : " ");
}
