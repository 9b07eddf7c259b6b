// Limits used, circuit breakers with their countdown, and breaks between ledger and broker.

import { serverNow, showAges } from "../ages.js";
import { ageElement, element, fill, part } from "./dom.js";

const STALE_AFTER = 20;
const COMPARED_STALE_AFTER = 900;

export function showGuards(data) {
  const card = document.getElementById("guards");
  fill(part(card, "note"), data.as_of, () => ["as of ", ageElement(data.as_of, STALE_AFTER)]);
  fill(part(card, "limits"), JSON.stringify([data.limits.map((use) => [use.used, use.limit, use.unknown]), data.limits_unknown]), () => limitItems(data));
  const states = data.breakers.map((row) => [row, breakerText(row)]);
  fill(part(card, "breakers"), JSON.stringify(states.map(([row, text]) => [row.name, row.state, text])), () => states.map(breakerItem));
  fill(part(card, "reconciliation"), JSON.stringify(data.reconciliation), () => comparison(data.reconciliation));
  fill(part(card, "breaks"), JSON.stringify([data.breaks, data.break_count]), () => breakItems(data));
  showAges();
}

function limitItems(data) {
  if (data.limits_unknown) return [element("li", "unknown", `unknown: ${data.limits_unknown}`)];
  return data.limits.map(limitItem);
}

function limitItem(use) {
  const name = element("span", "use-name", use.label);
  if (use.unknown) return element("li", "", name, element("span", "use-figure unknown", "unknown"), element("span", "sub", use.unknown));
  const figure = element("span", `use-figure ${use.tone === "good" ? "" : use.tone}`, use.limit === null ? `${use.used}, no limit` : `${use.used} of ${use.limit}`);
  if (use.share === null) return element("li", "", name, figure);
  const bar = element("progress", `use-bar tone-${use.tone}`);
  bar.max = 1;
  bar.value = Math.min(1, use.share);
  bar.setAttribute("aria-label", `${use.label}: ${Math.round(use.share * 100)} % used`);
  return element("li", "", name, figure, bar);
}

const TONES = { closed: "good", "half-open": "warn", open: "bad" };

function breakerText(row) {
  if (row.state === "open" && row.opened_at) {
    const seconds = Math.round((Date.parse(row.opened_at) + row.recovery_seconds * 1000 - serverNow()) / 1000);
    return seconds > 0 ? `open, tries again in ${seconds} s` : "open, tries again now";
  }
  if (row.state === "half-open") return "half-open: one probe is under way";
  return row.failures ? `closed, ${row.failures} of ${row.failure_threshold} failures` : "closed";
}

function breakerItem([row, text]) {
  const item = element("li", "", element("span", "name", row.name.replaceAll("_", " ")), " ", element("span", `tag tag-${TONES[row.state] ?? ""}`, text));
  if (row.state !== "closed" && row.last_failure) item.append(element("span", "sub", row.last_failure));
  return item;
}

function comparison(run) {
  if (!run) return ["unknown: never compared"];
  const word = { agree: "they agree", differ: "they differ", unknown: `unknown${run.problem ? `: ${run.problem}` : ""}` }[run.verdict];
  return [`${word}, compared `, ageElement(run.as_of, COMPARED_STALE_AFTER)];
}

function breakItems(data) {
  const items = data.breaks.map((row) => element("li", "", element("span", "name", row.title), " ", element("span", `tag tag-${row.state === "open" ? "bad" : "warn"}`, row.state_label), element("span", "sub", `ledger ${row.ledger || "nothing"}, broker ${row.broker || "nothing"}, since `, ageElement(row.since))));
  if (data.break_count > data.breaks.length) items.push(element("li", "quiet", `and ${data.break_count - data.breaks.length} more`));
  return items;
}
