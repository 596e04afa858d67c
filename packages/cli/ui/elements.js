/** @typedef {string | number | boolean | undefined | ((event: Event) => void)} Attribute */

/**
 * Makes an element. Texts become text nodes, so nothing that a document holds is ever read as markup.
 * @param {string} name a tag, with classes behind dots: `p.small.soft`
 * @param {Record<string, Attribute>} [attributes] functions are listeners; `undefined` and `false` leave an attribute out
 * @param {...(Node | string | undefined)} children
 * @returns {HTMLElement}
 */
export function element(name, attributes = {}, ...children) {
  const [tag = "div", ...classes] = name.split(".");
  const made = document.createElement(tag);
  if (classes.length > 0) made.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(key, value);
    else if (value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : String(value));
  }
  made.append(...children.filter((child) => child !== undefined));
  return made;
}

/**
 * A bar that shows a share; decoration beside a number that says the same.
 * @param {string} name its classes
 * @param {number} share 0 to 1
 */
export function bar(name, share) {
  const fill = element("span");
  fill.style.setProperty("--share", String(Math.max(0, Math.min(1, share))));
  return element(name, { "aria-hidden": "true" }, fill);
}

/**
 * What is shown where there is nothing to show.
 * @param {string} title @param {...(Node | string)} text
 */
export function emptyState(title, ...text) {
  return element("div.empty", {}, element("h2", {}, title), element("p", {}, ...text));
}

/**
 * An error as the API tells it.
 * @param {unknown} error
 */
export function problem(error) {
  const message = error instanceof Error ? error.message : String(error);
  return element("p.problem", { role: "alert" }, message);
}

/**
 * A text with ranges of it marked.
 * @param {string} text @param {readonly (readonly [number, number])[]} ranges ascending UTF-16 offsets
 * @returns {Node[]}
 */
export function marked(text, ranges) {
  /** @type {Node[]} */
  const nodes = [];
  let from = 0;
  for (const [start, end] of ranges) {
    nodes.push(document.createTextNode(text.slice(from, start)), element("mark", {}, text.slice(start, end)));
    from = end;
  }
  nodes.push(document.createTextNode(text.slice(from)));
  return nodes;
}
