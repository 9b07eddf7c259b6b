// The event feed, newest first. An event is never shown twice, whatever the socket went through.

import { element } from "./dom.js";
import { timeOfDay } from "./format.js";

const KEPT = 500;
const LEVELS = { WARN: "Warning", ERROR: "Error" };

const list = document.getElementById("event-list");
const empty = document.querySelector('#events [data-part="empty"]');
const importantOnly = document.getElementById("events-important");
const announcement = document.getElementById("announcement");

let last = null;

export const lastId = () => last;

export function reset() {
  last = null;
  list.replaceChildren();
}

export function showEvents(events, { announce }) {
  const fresh = events.filter((event) => last === null || event.id > last);
  if (!fresh.length) return;
  last = fresh.at(-1).id;
  list.prepend(...fresh.map(row).reverse());
  while (list.children.length > KEPT) list.lastElementChild.remove();
  empty.hidden = true;
  const errors = fresh.filter((event) => event.level === "ERROR");
  if (announce && errors.length) announcement.textContent = `Error: ${errors.at(-1).step} ${errors.at(-1).message}`;
}

function row(event) {
  const what = element("span", "what");
  if (LEVELS[event.level]) what.append(element("span", "level", LEVELS[event.level]), " ");
  what.append(element("span", "step", event.step), event.symbol ? ` ${event.symbol}` : "", ` ${event.message}`);
  const time = element("time", "", timeOfDay(event.timestamp));
  time.dateTime = event.timestamp;
  time.title = event.timestamp;
  const item = element("li", `level-${event.level}`, time, what);
  item.classList.toggle("is-hidden", importantOnly.checked && !LEVELS[event.level]);
  return item;
}

importantOnly.addEventListener("change", () => {
  for (const item of list.children) {
    item.classList.toggle("is-hidden", importantOnly.checked && item.classList.contains("level-INFO"));
  }
});
