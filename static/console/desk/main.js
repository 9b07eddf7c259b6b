// The desk: messages in, page out. Ages go on by themselves, so a silent source turns stale without a message.

import { setServerNow } from "../ages.js";
import { showTrading, showTradingUnknown } from "../trading.js";
import { showEquity } from "./chart.js";
import { part, setText } from "./dom.js";
import { lastId, reset, showEvents } from "./events.js";
import { showGuards } from "./guards.js";
import { showHealth } from "./health.js";
import { showIncidents } from "./incidents.js";
import { showEmergencies, showLedger } from "./ledger.js";
import { showSignal } from "./signal.js";
import { connect } from "./socket.js";
import { showJobs, showOrders, showPositions } from "./tables.js";
import { showAccount, showSession } from "./tiles.js";

const desk = document.getElementById("desk");
const linkState = document.getElementById("link-state");
const sections = {};

const SHOW = {
  session: (data) => showSession(data),
  account: (data) => showAccount(data, sections.session),
  positions: (data) => showPositions(data, sections.session),
  orders: (data) => showOrders(data, sections.session),
  jobs: (data) => showJobs(data),
  signal: (data) => showSignal(data),
  ledger: (data) => showLedger(data),
  guards: (data) => showGuards(data),
};

let greeted = false;

const RECEIVE = {
  clock: (message) => setServerNow(message.now),
  reset: () => reset(),
  section: ({ section, data }) => {
    sections[section] = data;
    if (section === "equity") showEquity(data);
    else if (section === "health") showHealth(data);
    else if (section === "incidents") showIncidents(data);
    else if (section === "trading") showTrading(data);
    else if (section === "emergencies") showEmergencies(data);
    else if (section === "session") showAll();
    else SHOW[section](data);
  },
  events: ({ events }) => {
    showEvents(events, { announce: greeted });
    greeted = true;
  },
  pong: () => {},
};

function showAll() {
  for (const [section, show] of Object.entries(SHOW)) if (sections[section]) show(sections[section]);
}

function setLink(state, tone, text) {
  if (desk.dataset.link === state && state === "open") return;
  desk.dataset.link = state;
  linkState.querySelector(".dot").dataset.tone = tone;
  setText(part(linkState, "text"), text);
}

const STATES = {
  open: () => setLink("open", "good", "Live"),
  down: (wait) => (showTradingUnknown(), setLink("down", "bad", `Stream error: connecting again in ${Math.max(1, Math.round(wait / 1000))} s`)),
  ended: (why) => {
    setLink("down", "bad", `${why} `);
    const link = document.createElement("a");
    link.href = `/admin/login/?next=${encodeURIComponent(location.pathname)}`;
    link.textContent = "Sign in";
    part(linkState, "text").append(link);
  },
};

connect({ lastId, onMessage: (message) => RECEIVE[message.type]?.(message), onState: (state, detail) => STATES[state](detail) });
setInterval(showAll, 1000);
