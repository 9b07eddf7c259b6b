// How trading stands, on pages that stay open: asked every 5 s where no socket tells. A lever that lies is worse than none.

const ASK_EVERY = 5000;
const ASK_FOR = 4000;
const strip = document.getElementById("trading-stops");
const light = document.getElementById("trading-light");
const MOST = 4;

export function showTrading(data) {
  if (!strip || !light) return;
  setLight(data.tone, data.label);
  const signature = JSON.stringify([data.permission, data.stops]);
  if (strip.dataset.signature === signature) return;
  strip.dataset.signature = signature;
  strip.hidden = data.stops.length === 0;
  strip.querySelector("ul").replaceChildren(...data.stops.slice(0, MOST).map(stopItem));
}

function setLight(tone, label) {
  const text = light.querySelector('[data-part="label"]');
  light.querySelector(".dot").dataset.tone = tone;
  if (text.textContent !== label) text.textContent = label;
}

function stopItem(stop) {
  const item = document.createElement("li");
  item.dataset.permission = stop.permission;
  const since = document.createElement("span");
  since.className = "since";
  since.textContent = ` since ${stop.since ? `${stop.since.slice(0, 19).replace("T", " ")} UTC` : "an unknown time"}, ${stop.ends}`;
  item.append(made("strong", stop.permission_label), ` (${stop.where}) by ${stop.by}: `, made("span", stop.reason, "why"), since);
  return item;
}

function made(tag, text, className = "") {
  const element = document.createElement(tag);
  element.textContent = text;
  if (className) element.className = className;
  return element;
}

async function ask() {
  try {
    const answer = await fetch(strip.dataset.source, { signal: AbortSignal.timeout(ASK_FOR), headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(String(answer.status));
    showTrading(await answer.json());
  } catch {
    showTradingUnknown();
  }
}

export function showTradingUnknown() {
  if (light) setLight("bad", "Trading state unknown: the server does not answer");
}

// The desk's socket tells at once and says itself when it is cut off.
if (strip && !document.getElementById("desk")) {
  setInterval(() => {
    if (!document.hidden) ask();
  }, ASK_EVERY);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) ask();
  });
}
