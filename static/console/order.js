// An order's page follows the order: head and story as they change, buttons only when what may be done changes.

import { serverNow, showAges } from "./ages.js";
import { followQuotes } from "./quote.js";

const ASK_EVERY = 1500;
const ASK_FOR = 6000;
const page = document.querySelector("[data-live]");
const note = document.getElementById("live-state");
const announcement = document.getElementById("announcement");
const shown = {};

function put(name, html) {
  if (shown[name] === html) return;
  const first = !(name in shown);
  shown[name] = html;
  const region = page.querySelector(`[data-region="${name}"]`);
  const before = document.getElementById("order-state")?.textContent;
  if (first && region.textContent.trim() === textOf(html)) return;
  region.innerHTML = html;
  const after = document.getElementById("order-state")?.textContent;
  if (name === "head" && before !== after) announcement.textContent = `The order is now ${after}.`;
}

function textOf(html) {
  return new DOMParser().parseFromString(html, "text/html").body.textContent.trim();
}

async function follow() {
  try {
    const answer = await fetch(page.dataset.live, { signal: AbortSignal.timeout(ASK_FOR) });
    if (!answer.ok) throw new Error(String(answer.status));
    const body = await answer.json();
    put("head", body.parts.head);
    put("story", body.parts.story);
    if (page.dataset.version !== body.version) {
      page.dataset.version = body.version;
      put("actions", body.parts.actions);
    }
    showAges();
    showCountdowns();
    note.textContent = "";
    note.classList.remove("bad");
    if (!body.is_open) return;
  } catch {
    note.textContent = "stale: the server does not answer";
    note.classList.add("bad");
  }
  setTimeout(follow, ASK_EVERY);
}

function showCountdowns() {
  for (const time of document.querySelectorAll("time[data-until]")) {
    const seconds = Math.round((Date.parse(time.dataset.until) - serverNow()) / 1000);
    const text = seconds <= 0 ? "now: its time is over" : `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, "0")} s`;
    if (time.textContent !== text) time.textContent = text;
    time.classList.toggle("bad", seconds < 60);
  }
}

setInterval(showCountdowns, 1000);
showCountdowns();
if ("open" in page.dataset) {
  setTimeout(follow, ASK_EVERY);
  followQuotes();
}
