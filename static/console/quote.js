// The broker's price with its source and age, asked anew while somebody looks at it. And forms that go off once.

import { showAges } from "./ages.js";

const ASK_EVERY = 3000;
const ASK_FOR = 9000;

export function followQuotes() {
  const card = document.querySelector("[data-quote]");
  if (!card) return;
  const round = async () => {
    if (!document.hidden) show(card, await ask(card.dataset.quote));
    setTimeout(round, ASK_EVERY);
  };
  round();
}

async function ask(address) {
  try {
    const answer = await fetch(address, { signal: AbortSignal.timeout(ASK_FOR) });
    if (!answer.ok) throw new Error(`the server answers ${answer.status}`);
    return await answer.json();
  } catch (error) {
    return { unknown: error.name === "TimeoutError" ? "the server does not answer" : error.message };
  }
}

function show(card, quote) {
  const set = (name, text) => {
    const target = card.querySelector(`[data-part="${name}"]`);
    if (target && target.textContent !== text) target.textContent = text;
  };
  card.classList.toggle("is-stale", Boolean(quote.unknown));
  set("state", quote.unknown ? `unknown: ${quote.unknown}` : "live");
  for (const name of ["price", "bid", "ask", "source"]) set(name, quote.unknown ? "unknown" : quote[name] || "unknown");
  showTime(card.querySelector('[data-part="age"]'), quote);
  showDrift(card, quote);
}

function showTime(age, quote) {
  if (quote.unknown || !quote.at) {
    delete age.dataset.asOf;
    age.classList.remove("is-old");
    age.textContent = "unknown";
    return;
  }
  age.dataset.asOf = quote.at;
  showAges();
}

function showDrift(card, quote) {
  const target = card.querySelector('[data-part="drift"]');
  if (!target) return;
  const limit = Number(card.dataset.driftLimit ?? "Infinity");
  const known = !quote.unknown && quote.drift !== null;
  target.textContent = known ? `${quote.drift} %` : "unknown";
  target.classList.toggle("bad", known && Math.abs(Number(quote.drift)) > limit);
}

// The server takes a form once by its key; this only spares people the second press.
document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (!button?.hasAttribute("data-once")) return;
  if (button.dataset.pressed) event.preventDefault();
  button.dataset.pressed = "yes";
  button.setAttribute("aria-disabled", "true");
});
window.addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("[data-pressed]")) {
    delete button.dataset.pressed;
    button.removeAttribute("aria-disabled");
  }
});
