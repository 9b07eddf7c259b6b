// Positions, orders and jobs.

import { ageSeconds, serverNow, showAges } from "../ages.js";
import { ageElement, element, fill, part, renderRows, setFigure, setText } from "./dom.js";
import { dateAndTime, money, price, quantity, signedMoney, tone, untilText, UNKNOWN } from "./format.js";
import { sessionDoubt } from "./tiles.js";

const sub = (text) => element("span", "sub", text);

function figure(cell, text, value, unit = "", coloured = false) {
  let target = cell.querySelector(".figure");
  if (!target) cell.append((target = element("span", "figure")), (cell.unit = sub("")));
  setFigure(target, text, value);
  if (coloured) target.className = `figure ${value === null ? "unknown" : tone(value)} ${motionOf(target)}`;
  setText(cell.unit, unit);
}

function motionOf(target) {
  return ["rose", "fell"].filter((name) => target.classList.contains(name)).join(" ");
}

function named(cell, name, below) {
  fill(cell, `${name}|${below}`, () => [element("span", "name", name), sub(below)]);
}

function aged(cell, iso, oldAfter) {
  fill(cell, `${iso}|${oldAfter}`, () => [ageElement(iso, oldAfter)]);
}

// The name of an option ends with put or call already.
function kindAndAccount(row, manyAccounts) {
  return [row.name.endsWith(` ${row.kind}`) ? "" : row.kind, manyAccounts ? row.account : ""].filter(Boolean).join(", ");
}

const positionCells = (manyAccounts) => [
  { label: "Instrument", fill: (cell, row) => named(cell, row.name, kindAndAccount(row, manyAccounts)) },
  { label: "Quantity", className: "right", fill: (cell, row) => figure(cell, quantity(row.quantity), row.quantity) },
  { label: "Price", className: "right", fill: (cell, row) => figure(cell, price(row.price), row.price, row.price === null ? "" : `${row.currency}, ${row.price_source ?? "source unknown"}`) },
  { label: "Value", className: "right", fill: (cell, row) => figure(cell, money(row.value), row.value, row.value === null ? "" : row.currency) },
  { label: "Unrealized P&L", className: "right", fill: (cell, row) => figure(cell, signedMoney(row.unrealized_pnl), row.unrealized_pnl, row.unrealized_pnl === null ? "" : row.currency, true) },
  { label: "Price as of", className: "right", fill: (cell, row) => aged(cell, row.priced_at, row.stale_after) },
];

const orderCells = [
  { label: "Instrument", fill: (cell, row) => named(cell, row.name, row.account) },
  { label: "Order", fill: (cell, row) => named(cell, `${row.side} ${quantity(row.quantity)}`, [row.type, row.time_in_force].filter(Boolean).join(", ")) },
  { label: "Filled", className: "right", fill: (cell, row) => figure(cell, quantity(row.filled), row.filled) },
  { label: "Price", className: "right", fill: (cell, row) => fill(cell, `${row.limit_price}|${row.aux_price}`, () => orderPrices(row)) },
  { label: "Status", fill: (cell, row) => fill(cell, row.status, () => [element("span", "tag", row.status)]) },
  { label: "As of", className: "right", fill: (cell, row) => aged(cell, row.as_of) },
];

function orderPrices(row) {
  const prices = [];
  if (row.limit_price !== null) prices.push(`limit ${price(row.limit_price)}`);
  if (row.aux_price !== null) prices.push(`stop ${price(row.aux_price)}`);
  return prices.length ? [prices.join(", "), sub(row.currency)] : ["at market"];
}

const jobCells = [
  { label: "Job", fill: (cell, row) => named(cell, row.title, row.enabled ? row.schedule : `${row.schedule}, switched off`) },
  { label: "Last run", fill: (cell, row) => fill(cell, JSON.stringify([row.status, row.run_id, row.started_at, row.progress_done, row.progress_text, row.error, row.condition, row.unrun]), () => lastRun(row)) },
  { label: "Last success", className: "right", fill: (cell, row) => fill(cell, String(row.last_success_at), () => [row.last_success_at ? ageElement(row.last_success_at) : element("span", "quiet", "never")]) },
  { label: "Next run", className: "right", fill: (cell, row) => nextRun(cell, row) },
];

// The last run's own word says these already.
const SAID = new Set(["ok", "running", "failed", "never"]);

function lastRun(row) {
  const standing = SAID.has(row.condition) ? [] : [element("span", `tag tag-${row.condition_tone}`, row.condition_label.toLowerCase())];
  const unrun = row.unrun ? [unrunSlot(row.unrun)] : [];
  if (!row.status) return [...(standing.length ? standing : [element("span", "quiet", "never ran")]), ...unrun];
  const parts = [element("span", `tag tag-${row.status}`, row.status), " ", ...standing];
  if (row.status === "running" && row.progress_total) parts.push(progressBar(row));
  const since = element("span", "sub", row.status === "running" ? "started " : "", ageElement(row.ended_at ?? row.started_at));
  if (row.progress_text && row.status === "running") since.append(`, ${row.progress_text}`);
  if (row.error && row.status === "failed") since.append(`: ${row.error}`);
  return [...parts, since, ...unrun];
}

function unrunSlot({ state, slot, why }) {
  return element("span", "sub warn", `${state}: slot of ${dateAndTime(slot)}${why ? `, ${why}` : ""}`);
}

function progressBar(row) {
  const bar = element("progress", "");
  bar.max = row.progress_total;
  bar.value = row.progress_done ?? 0;
  bar.setAttribute("aria-label", `${row.progress_done ?? 0} of ${row.progress_total}`);
  return bar;
}

function nextRun(cell, row) {
  if (!row.next_due_at || !row.enabled) return fill(cell, "none", () => [element("span", "quiet", "not planned")]);
  const seconds = (Date.parse(row.next_due_at) - serverNow()) / 1000;
  const when = row.is_next_skipped ? "will be skipped" : row.is_paused ? "paused" : untilText(seconds);
  return fill(cell, `${row.next_due_at}|${when}`, () => [when, sub(dateAndTime(row.next_due_at))]);
}

function showTable(id, rows, key, cells, emptyText, note) {
  const card = document.getElementById(id);
  const table = card.querySelector("table");
  renderRows(table.tBodies[0], rows, key, cells);
  table.hidden = rows.length === 0;
  const empty = part(card, "empty");
  empty.hidden = rows.length > 0;
  setText(empty, emptyText);
  setText(part(card, "note"), note);
  showAges();
  return card;
}

// While nobody can vouch for the broker's picture, no rows means unknown, not none.
function brokerTable(id, { rows, unknown }, key, cells, session, emptyText) {
  const doubt = sessionDoubt(session);
  const reason = unknown || doubt;
  const none = reason ? `${UNKNOWN}: ${reason}` : emptyText;
  const note = doubt && rows.length ? `stale: ${doubt}` : rows.length ? String(rows.length) : "";
  showTable(id, rows, key, cells, none, note).classList.toggle("is-stale", Boolean(doubt && rows.length));
}

export function showPositions(data, session) {
  const manyAccounts = new Set(data.rows.map((row) => row.account)).size > 1;
  const cells = positionCells(manyAccounts);
  brokerTable("positions", data, (row) => `${row.account}/${row.con_id}`, cells, session, "No open positions. What the account holds appears here as soon as the broker reports it.");
}

export function showOrders(data, session) {
  brokerTable("orders", data, (row) => row.perm_id, orderCells, session, "No open orders at the broker.");
}

export function showJobs(data) {
  const worker = data.worker;
  const silent = !worker.is_alive || ageSeconds(worker.as_of) > 20;
  const paused = data.pause ? `all schedules paused by ${data.pause.by}: ${data.pause.reason}` : "";
  const note = silent ? `${worker.reason || "the worker is silent"}: start it with manage.py up` : paused || "worker alive";
  const rows = data.rows.map((row) => ({ ...row, is_paused: Boolean(paused) }));
  const card = showTable("jobs", rows, (row) => row.name, jobCells, "No jobs are declared.", note);
  card.classList.toggle("is-stale", silent);
  part(card, "note").classList.toggle("warn", Boolean(paused));
}
