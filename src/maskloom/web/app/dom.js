/**
 * Building elements: the only way text reaches the page is textContent, so no name can be markup.
 * It is not a framework: panels own their nodes and change them in place.
 */

const SVG = "http://www.w3.org/2000/svg";

/** @typedef {Node | string | null | undefined | false} Child */
/** @typedef {string | number | boolean | null | undefined | ((event: any) => void)} Value */
/** @typedef {Record<string, Value>} Attributes */

/**
 * Make an element. A function under "onNAME" becomes a listener, `true` an empty attribute, and
 * `false`, null and undefined leave the attribute out.
 *
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Attributes} [attributes]
 * @param {...Child} children strings become text nodes.
 * @returns {HTMLElementTagNameMap[T]}
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) {
      made.setAttribute(name, String(value));
    }
  }
  append(made, children);
  return made;
}

/** @param {Element} parent @param {Child[]} children */
function append(parent, children) {
  for (const child of children) if (child) parent.append(child);
}

/**
 * Put other children into an element.
 *
 * @param {Element} parent
 * @param {...Child} children
 */
export function fill(parent, ...children) {
  parent.replaceChildren();
  append(parent, children);
}

/**
 * One of the drawings in the sprite of index.html.
 *
 * @param {string} name
 * @returns {SVGSVGElement}
 */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

/**
 * A button with a drawing, a name for screen readers and a tooltip with its key.
 *
 * @param {string} drawing
 * @param {string} label
 * @param {(event: MouseEvent) => void} press
 * @param {{key?: string, text?: boolean, class?: string}} [options]
 * @returns {HTMLButtonElement}
 */
export function button(drawing, label, press, options = {}) {
  const title = options.key ? `${label} (${options.key})` : label;
  return element(
    "button",
    {
      type: "button",
      class: `button ${options.class ?? ""}`,
      "aria-label": label,
      "aria-keyshortcuts": options.key && options.key.length === 1 ? options.key : null,
      title,
      onclick: press,
    },
    drawing ? icon(drawing) : null,
    options.text ? element("span", {}, label) : null,
  );
}

/**
 * A name in parts between which a line may break. Where parts leave something out, screen readers
 * still read the whole name.
 *
 * @param {string} name
 * @param {string[]} parts
 * @returns {HTMLElement}
 */
export function brokenName(name, parts) {
  const shown = parts.flatMap((part, i) => (i ? [element("wbr"), part] : [part]));
  if (parts.join("") === name) return element("span", { class: "broken", title: name }, ...shown);
  return element(
    "span",
    { class: "broken", title: name },
    element("span", { "aria-hidden": "true" }, ...shown),
    element("span", { class: "sr" }, name),
  );
}

/**
 * An element of index.html that must be there.
 *
 * @param {string} id
 * @returns {HTMLElement}
 */
export function place(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`index.html has no element with id ${id}`);
  return found;
}

/**
 * A small square of a category's colour. CSSOM, not a style attribute: the page allows none.
 *
 * @param {readonly [number, number, number]} color
 * @returns {HTMLElement}
 */
export function swatch(color) {
  const made = element("span", { class: "swatch", "aria-hidden": "true" });
  made.style.backgroundColor = `rgb(${color.join(" ")})`;
  return made;
}
