// Small ways to read and make elements of the page.

/** @template {HTMLElement} [T=HTMLElement] @param {string} id @returns {T} */
export const byId = (id) => /** @type {T} */ (document.getElementById(id));

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {{class?: string, text?: string}} [with_]
 * @param {...Node} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function make(tag, with_ = {}, ...children) {
  const element = document.createElement(tag);
  if (with_.class) element.className = with_.class;
  if (with_.text !== undefined) element.textContent = with_.text;
  element.append(...children);
  return element;
}

/** Listen to a CustomEvent and get its detail. @param {EventTarget} target @param {string} name @param {(detail: any) => void} run */
export const on = (target, name, run) =>
  target.addEventListener(name, (event) => run(/** @type {CustomEvent} */ (event).detail));

/** @param {number} ms */
export const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;

/** Whether an element that scrolls shows its end, so that new lines may move it. @param {Element} box */
export const atEnd = (box) => box.scrollHeight - box.scrollTop - box.clientHeight < 40;
