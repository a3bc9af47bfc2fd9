/**
 * The help sheet: what every key does, made from the table of actions.
 */

import { actionsByGroup } from "../actions.js";
import { button, element, fill } from "../dom.js";
import { writtenKey } from "../shortcuts.js";

/** Keys that are no actions: [keys, what they do]. */
const MOUSE = [
  ["Wheel", "zoom at the pointer"],
  ["Space + drag", "move the image; so does the middle button, or two fingers"],
  ["Arrow keys", "move a pointer over the image; Shift: one pixel, Ctrl: move the image"],
  ["Enter", "press at that pointer; close a polygon"],
  ["Esc", "give up what is begun, then let go of the object"],
  ["1 to 0", "class to draw with, also of the selected object"],
  ["Alt + click", "remove a corner of a polygon"],
];

/** @param {HTMLDialogElement} dialog */
export function openHelp(dialog) {
  const section = (/** @type {string} */ title, /** @type {(string | undefined)[][]} */ rows) =>
    element(
      "section",
      {},
      element("h3", {}, title),
      element(
        "dl",
        {},
        ...rows.flatMap(([key = "", about = ""]) => [
          element("dt", {}, element("kbd", {}, key)),
          element("dd", {}, about),
        ]),
      ),
    );
  const groups = [...actionsByGroup()].map(([title, actions]) =>
    section(
      title,
      actions.map(({ keys, label }) => [writtenKey(keys[0] ?? ""), label]),
    ),
  );
  fill(
    dialog,
    element(
      "header",
      {},
      element("h2", {}, "Keys"),
      button("close", "Close", () => dialog.close(), { key: "Esc" }),
    ),
    element("div", { class: "inner keys" }, section("Pointer", MOUSE), ...groups),
  );
  dialog.showModal();
}
