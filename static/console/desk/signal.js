// The momentum signal: ranking and target weights, what was advised of it, and when the next one comes.

import { ageElement, element, fill, part, renderRows, setFigure, setText } from "./dom.js";
import { ageSeconds, serverNow, showAges } from "../ages.js";
import { dateAndTime, untilText } from "./format.js";

const percent = new Intl.NumberFormat("en-US", { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 });
const signed = new Intl.NumberFormat("en-US", { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1, signDisplay: "exceptZero" });
const shown = (format, value) => format.format(value).replace("-", "\u2212");

const cells = [
  { label: "Fund", fill: (cell, fund) => fill(cell, `${fund.rank}|${fund.symbol}|${fund.selected}`, () => [element("span", fund.selected ? "name" : "", `${fund.rank}. ${fund.symbol}`), element("span", "sub", fund.sector)]) },
  { label: "12-1 momentum", className: "right", fill: (cell, fund) => figure(cell, shown(signed, fund.momentum), fund.momentum) },
  { label: "Target", className: "right", fill: (cell, fund) => figure(cell, fund.selected ? shown(percent, fund.target_weight) : "\u2013", fund.target_weight) },
  { label: "Why", fill: (cell, fund) => fill(cell, fund.reason, () => [element("span", "quiet", fund.reason)]) },
];

function figure(cell, text, value) {
  if (!cell.firstChild) cell.append(element("span", "figure"));
  setFigure(cell.firstChild, text, value);
}

export function showSignal({ signal, advice, next_rebalance_at: next, stale_after: staleAfter }) {
  const card = document.getElementById("signal");
  const table = card.querySelector("table");
  const empty = part(card, "empty");
  table.hidden = !signal;
  empty.hidden = Boolean(signal);
  setText(empty, "No signal has been computed yet. The job weekly_rebalance computes one every Sunday; manage.py signal does it now.");
  renderRows(table.tBodies[0], signal?.funds ?? [], (fund) => fund.symbol, cells);
  const isOld = Boolean(signal && ageSeconds(signal.computed_at) > staleAfter);
  card.classList.toggle("is-stale", isOld);
  fill(part(card, "note"), JSON.stringify([signal?.computed_at, isOld]), () => (signal ? [isOld ? "stale, " : "", `closes of ${signal.signal_date}, computed `, ageElement(signal.computed_at)] : []));
  showAdvice(part(card, "advice"), signal, advice, next);
  showAges();
}

function showAdvice(line, signal, advice, next) {
  const cash = signal && signal.cash_weight > 0.0005 ? `Cash ${shown(percent, signal.cash_weight)}. ` : "";
  const until = next ? `Next rebalance ${daysText(next)}.` : "No rebalance is planned.";
  fill(line, JSON.stringify([cash, advice, until]), () => [element("span", "", cash, ...adviceParts(advice)), element("span", "quiet", until)]);
}

function adviceParts(advice) {
  if (!advice) return ["No advice yet. "];
  const count = advice.buys + advice.sells;
  const link = element("a", "", `${count} ${count === 1 ? "trade" : "trades"} recommended`);
  link.href = `/admin/strategies/rebalanceadvice/${advice.id}/change/`;
  const notes = advice.notes ? `, ${advice.notes} ${advice.notes === 1 ? "note" : "notes"}` : "";
  return [link, ` for ${advice.account} (${advice.buys} buy, ${advice.sells} sell${notes}), `, ageElement(advice.created_at), ". "];
}

function daysText(next) {
  return `${untilText((Date.parse(next) - serverNow()) / 1000)}, ${dateAndTime(next)}`;
}
