// What the health rules find wrong, worst first, each with what to do. Nothing wrong: nothing shown.

import { element, fill } from "./dom.js";

const WORDS = { critical: "Critical", warning: "Warning", info: "Note" };

export function showHealth({ findings }) {
  const list = document.getElementById("health");
  fill(list, JSON.stringify(findings), () => findings.map(item));
  list.hidden = findings.length === 0;
}

function item({ severity, sentence, remedy }) {
  const word = element("strong", "severity", WORDS[severity] ?? severity);
  const text = sentence.charAt(0).toUpperCase() + sentence.slice(1);
  const made = element("li", "", word, ` ${text}. `, element("span", "remedy", remedy));
  made.dataset.severity = severity;
  return made;
}
