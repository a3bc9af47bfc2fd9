/**
 * From keys to actions: the table of what can be done is in actions.js, shared with buttons and
 * the help sheet. Keys typed into a field stay there.
 */

/** @typedef {import("./page.js").Page} Page */
/** @typedef {import("./actions.js").Action} Action */

/**
 * The name of a key press, as in actions.js: "Ctrl+Shift+Z", "b", "[", "Delete".
 *
 * @param {KeyboardEvent} event
 * @returns {string}
 */
export function keyName(event) {
  const command = event.ctrlKey || event.metaKey;
  const named = event.key.length > 1;
  const key = event.key === " " ? "Space" : named ? event.key : event.key.toLowerCase();
  const letter = /^[a-z]$/.test(key);
  const shift = event.shiftKey && (named || letter);
  return `${command ? "Ctrl+" : ""}${event.altKey ? "Alt+" : ""}${shift ? "Shift+" : ""}${
    command && letter ? key.toUpperCase() : key
  }`;
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
