// The fault panel: shown if the bridge speaks to a simulator.

import { byId, make } from "./page-elements.js";

const PATH = "page/simulator";

/** @param {string} query */
async function post(query) {
  const answer = await fetch(`${PATH}?${query}`, { method: "POST" });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.detail ?? body.error ?? `HTTP ${answer.status}`);
  return body;
}

/** @param {import("./page-notices.js").Notices} notices */
export async function setUpSimulator(notices) {
  const answer = await fetch(PATH);
  const { scenarios, chosen, workers = 1 } = await answer.json();
  if (!scenarios) return;
  const select = /** @type {HTMLSelectElement} */ (byId("scenario"));
  const summaries = new Map(scenarios.map((/** @type {any} */ one) => [one.name, one.summary]));
  for (const name of summaries.keys()) {
    const option = make("option", { text: name });
    option.value = name;
    option.selected = name === chosen;
    select.append(option);
  }
  const describe = () => {
    const summary = String(summaries.get(select.value));
    byId("scenario-summary").textContent = `${summary[0].toUpperCase()}${summary.slice(1)}.`;
  };
  const attempt = async (/** @type {string} */ query, /** @type {(body: any) => string} */ told) => {
    try {
      byId("simulator-status").textContent = told(await post(query));
    } catch (error) {
      notices.show("simulator", { title: "The simulator refused", advice: String(error), kind: "error" });
    }
  };
  select.addEventListener("change", describe);
  byId("choose").addEventListener("click", () =>
    attempt(`scenario=${encodeURIComponent(select.value)}`, ({ scenario }) => `“${scenario}” applies from the next session on.`),
  );
  for (const button of document.querySelectorAll("[data-cut]")) {
    const how = /** @type {HTMLElement} */ (button).dataset.cut;
    button.addEventListener("click", () => attempt(`cut=${how}`, ({ cut }) => `Upstream connections ended: ${cut}.`));
  }
  describe();
  if (workers > 1) {
    byId("simulator-workers").textContent =
      `This bridge has ${workers} workers, each with a simulator of its own, and a fault reaches one of them. ` +
      "With --workers 1 it reaches every session.";
  }
  byId("simulator").hidden = false;
}
