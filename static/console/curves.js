// A curve over days: drawn by uPlot, told in words beside it and to screen readers, in the colours of the page.

import uPlot from "../vendor/uplot/uPlot.esm.js";

export const data = (id) => JSON.parse(document.getElementById(id).textContent);
const plots = [];

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const fixed = (digits) => new Intl.NumberFormat("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
export const money = (value) => fixed(2).format(value);
export const percent = (value) => `${fixed(2).format(value * 100 || 0)} %`;
export const ratio = (value) => fixed(2).format(value);
const day = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 10);

function dayLabels(ticks) {
  const years = new Set(ticks.map((tick) => day(tick).slice(0, 4)));
  const parts = years.size > 1 ? { month: "short", year: "numeric" } : { day: "numeric", month: "short" };
  return ticks.map((tick) => new Date(tick * 1000).toLocaleDateString("en-GB", { ...parts, timeZone: "UTC" }));
}

const shorter = (format) => (_, ticks) => {
  const texts = ticks.map((tick) => format(tick));
  const redundant = texts.every((text) => /\.00( %)?$/.test(text));
  return redundant ? texts.map((text) => text.replace(".00", "")) : texts;
};

// `series`: seconds since 1970 and values, null where unknown. Cursors of one page move together.
export function show(id, series, { format, stroke, fill, zero = false, unit = "" }) {
  const holder = document.getElementById(id);
  const note = document.getElementById(`${id}-note`);
  const drawn = series[1].filter((value) => value !== null).length > 1;
  holder.hidden = !drawn;
  document.getElementById(`${id}-empty`).hidden = drawn;
  if (!drawn) return;
  const told = (value) => (value === null ? "unknown" : `${format(value)} ${unit}`.trim());
  const say = (number) => { note.textContent = `${day(series[0][number])}: ${told(series[1][number])}`; };
  const last = series[0].length - 1;
  const axis = { stroke: () => colour("--text-quiet"), grid: { stroke: () => colour("--line"), width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
  const plot = new uPlot({
    ...size(holder),
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC"),
    cursor: { y: false, sync: { key: "days" } },
    scales: { y: { range: (_, low, high) => padded(low, high, zero) } },
    axes: [{ ...axis, size: 34, space: 80, values: (_, ticks) => dayLabels(ticks) }, { ...axis, size: 84, values: shorter(format) }],
    series: [{}, { stroke: () => colour(stroke), width: 2, fill: () => colour(fill), fillTo: zero ? 0 : undefined, points: { show: series[0].length < 15 } }],
    hooks: { setCursor: [(self) => say(self.cursor.idx ?? last)] },
  }, series, holder);
  say(last);
  const values = series[1].filter((value) => value !== null);
  holder.setAttribute("aria-label", `${holder.getAttribute("aria-label")}: from ${format(values[0])} to ${format(values.at(-1))} ${unit}, `
    + `lowest ${format(Math.min(...values))}, highest ${format(Math.max(...values))}`);
  new ResizeObserver(() => plot.setSize(size(holder))).observe(holder);
  plots.push(plot);
}

function padded(low, high, zero) {
  const [bottom, top] = zero ? [Math.min(low, 0), Math.max(high, 0)] : [low, high];
  const room = (top - bottom || Math.abs(top) || 1) * 0.08;
  return [zero && bottom === 0 ? 0 : bottom - room, zero && top === 0 ? 0 : top + room];
}

function size(holder) {
  const style = getComputedStyle(holder);
  const across = parseFloat(style.paddingLeft) + parseFloat(style.paddingRight);
  const down = parseFloat(style.paddingTop) + parseFloat(style.paddingBottom);
  return { width: Math.max(160, holder.clientWidth - across), height: Math.max(120, holder.clientHeight - down) };
}

const repaint = () => plots.forEach((plot) => plot.redraw(false, true));
new MutationObserver(repaint).observe(document.documentElement, { attributeFilter: ["data-theme"] });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
