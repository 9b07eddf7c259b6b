// Open orders of the ledger, and emergency actions as they proceed.

import { serverNow, showAges } from "../ages.js";
import { ageElement, element, fill, part, renderRows, setText } from "./dom.js";
import { quantity, untilText } from "./format.js";

const STALE_AFTER = 20;

const cells = [
  { label: "Instrument", fill: (cell, row) => fill(cell, row.id, () => [link(row), element("span", "sub", row.account)]) },
  { label: "Order", fill: (cell, row) => fill(cell, `${row.quantity}|${row.prices}`, () => [element("span", "name", `${row.side} ${quantity(row.quantity)}`), element("span", "sub", `${row.type}, ${row.prices}`)]) },
  { label: "Filled", className: "right", fill: (cell, row) => fill(cell, row.filled, () => [quantity(row.filled)]) },
  { label: "State", fill: (cell, row) => stateCell(cell, row) },
  { label: "Since", className: "right", fill: (cell, row) => fill(cell, row.since, () => [ageElement(row.since)]) },
];

function link(row) {
  const made = element("a", "name", row.name);
  made.href = row.url;
  return made;
}

function stateCell(cell, row) {
  const left = row.expires_at ? untilText((Date.parse(row.expires_at) - serverNow()) / 1000) : "";
  const below = row.pending || (left ? `awaiting approval, expires ${left}` : row.strategy || `by ${row.requested_by}`);
  fill(cell, `${row.state}|${below}`, () => [element("span", `tag tag-${row.tone}`, row.state_label), element("span", `sub ${left ? "warn" : ""}`, below)]);
}

export function showLedger(data) {
  const card = document.getElementById("ledger");
  const table = card.querySelector("table");
  renderRows(table.tBodies[0], data.rows, (row) => row.id, cells);
  table.hidden = data.rows.length === 0;
  part(card, "empty").hidden = data.rows.length > 0;
  setText(part(card, "empty"), "No open order in the ledger.");
  const parts = [`${data.total} open`, data.unresolved ? `${data.unresolved} unresolved` : "", data.waiting ? `${data.waiting} awaiting approval` : ""];
  const note = part(card, "note");
  fill(note, `${parts}|${data.as_of}`, () => [parts.filter(Boolean).join(", "), ", as of ", ageElement(data.as_of, STALE_AFTER)]);
  note.classList.toggle("bad", data.unresolved > 0);
  showAges();
}

export function showEmergencies(data) {
  const card = document.getElementById("emergencies");
  card.hidden = data.rows.length === 0;
  const running = data.rows.filter((row) => row.is_running).length;
  card.classList.toggle("is-running", running > 0);
  setText(part(card, "note"), running ? `${running} running` : "the last 15 minutes");
  const list = part(card, "rows");
  fill(list, JSON.stringify(data.rows), () => data.rows.map(actionItem));
  showAges();
}

function actionItem(row) {
  const left = row.positions_left === null ? "" : `${row.positions_left} position${row.positions_left === 1 ? "" : "s"} left at the broker`;
  const told = [row.problem || row.reason, row.total ? `${row.done} of ${row.total} done` : "", left].filter(Boolean).join("; ");
  const title = element("a", "name", row.title);
  title.href = row.url;
  const head = element("div", "action-head", title, element("span", `tag tag-${row.tone}`, row.state_label), element("span", "quiet", `by ${row.actor}, `, ageElement(row.requested_at)));
  const children = [head];
  if (row.is_running) children.push(bar(row));
  return element("li", "", ...children, element("span", "sub", told));
}

function bar(row) {
  const made = element("progress", "");
  if (row.total) {
    made.max = row.total;
    made.value = row.done;
  }
  made.setAttribute("aria-label", row.total ? `${row.done} of ${row.total} done` : "under way");
  return made;
}
