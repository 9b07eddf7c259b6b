// How many incidents are open, in the strip on top.

import { part, setText } from "./dom.js";

export function showIncidents(incidents) {
  const count = document.getElementById("incident-count");
  if (!count) return;
  count.hidden = !incidents.count;
  count.querySelector(".dot").dataset.tone = incidents.tone;
  setText(part(count, "label"), incidents.label);
}
