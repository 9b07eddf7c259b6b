// Day P&L over the day.

import uPlot from "../../vendor/uplot/uPlot.esm.js";
import { money, signedMoney } from "./format.js";

const holder = document.getElementById("chart");
const empty = document.getElementById("chart-empty");
const note = document.getElementById("chart-note");

let plot = null;
let latest = null;

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export function showEquity(data) {
  latest = data;
  const points = data.points.filter((point) => point[2] !== null);
  holder.hidden = points.length < 2;
  empty.hidden = points.length >= 2;
  if (points.length < 2) return;
  const series = [points.map((point) => point[0]), points.map((point) => Number(point[2]))];
  describe(data, points);
  if (plot === null) draw(series);
  else plot.setData(series);
}

function describe(data, points) {
  const values = points.map((point) => Number(point[2]));
  const last = signedMoney(points.at(-1)[2]);
  const range = `lowest ${signedMoney(Math.min(...values))}, highest ${signedMoney(Math.max(...values))}`;
  note.textContent = `${range} ${data.currency ?? "unknown currency"}`;
  holder.setAttribute("aria-label", `Day P&L now ${last} ${data.currency ?? ""}; ${range}; account ${data.account}`);
}

function draw(series) {
  const axis = { stroke: () => colour("--text-quiet"), grid: { stroke: () => colour("--line"), width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
  plot = new uPlot({
    ...size(),
    cursor: { y: false },
    scales: { y: { range: (_, low, high) => padded(Math.min(low, 0), Math.max(high, 0)) } },
    axes: [
      { ...axis, size: 32, space: 80, values: (_, ticks) => ticks.map((tick) => timeLabel(tick, ticks)) },
      { ...axis, size: 76, values: (_, ticks) => ticks.map((tick) => money(tick).replace(/\.00$/, "")) },
    ],
    series: [{}, { stroke: () => colour("--calm"), width: 2, fill: () => colour("--calm-soft"), fillTo: 0, points: { show: false } }],
  }, series, holder);
  new ResizeObserver(() => plot.setSize(size())).observe(holder);
}

function timeLabel(tick, ticks) {
  const text = new Date(tick * 1000).toISOString();
  return ticks.length > 1 && ticks[1] - ticks[0] < 60 ? text.slice(11, 19) : text.slice(11, 16);
}

function padded(low, high) {
  const room = (high - low || 1) * 0.08;
  return [low < 0 ? low - room : low, high > 0 ? high + room : high];
}

function size() {
  const style = getComputedStyle(holder);
  const across = parseFloat(style.paddingLeft) + parseFloat(style.paddingRight);
  const down = parseFloat(style.paddingTop) + parseFloat(style.paddingBottom);
  return { width: Math.max(160, holder.clientWidth - across), height: Math.max(120, holder.clientHeight - down) };
}

function repaint() {
  if (plot !== null && latest !== null) plot.redraw(false, true);
}

new MutationObserver(repaint).observe(document.documentElement, { attributeFilter: ["data-theme"] });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
