// An order's page follows the order, counts down while it waits, and shows the quote while it is open.

import { serverNow } from "./ages.js";
import { announceChange, follow } from "./follow.js";
import { followQuotes } from "./quote.js";

const ASK_EVERY = 1500;

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
announceChange(document.getElementById("order-state").textContent);
if ("open" in document.querySelector("[data-live]").dataset) {
  follow(ASK_EVERY);
  followQuotes();
}
