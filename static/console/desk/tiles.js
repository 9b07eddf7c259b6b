// The tiles: gateway and account. A tile is stale when its source is old, or when nobody can vouch for it.

import { ageSeconds, ageText, serverNow } from "../ages.js";
import { element, part, setFigure, setText } from "./dom.js";
import { money, signedMoney, tone } from "./format.js";

const SESSION_STALE = 15;
const MONEY = {
  "tile-net-liquidation": ["net_liquidation", money],
  "tile-cash": ["cash", money],
  "tile-daily-pnl": ["daily_pnl", signedMoney],
  "tile-unrealized-pnl": ["unrealized_pnl", signedMoney],
};

export function sessionDoubt(session) {
  if (!session) return "not known yet";
  if (!session.is_alive || ageSeconds(session.as_of) > SESSION_STALE) return "gateway not running";
  return session.is_following ? "" : `gateway: ${session.label.toLowerCase()}`;
}

export function showSession(session) {
  const tile = document.getElementById("tile-session");
  const silent = !session.is_alive || ageSeconds(session.as_of) > SESSION_STALE;
  const label = silent ? "unknown" : session.label;
  setText(part(tile, "value"), label);
  const reason = silent ? "gateway not running: start it with manage.py up" : session.reason || "connected to the broker";
  const age = session.as_of ? `, heard ${ageText(ageSeconds(session.as_of))}` : "";
  setText(part(tile, "note"), reason + age);
  tile.classList.toggle("is-stale", silent);
  showLogin(part(tile, "login"), session.weekly_login);
  showBanner(session, silent);
}

function showLogin(note, login) {
  note.hidden = !login;
  if (!login) return;
  const left = (Date.parse(login.due_at) - serverNow()) / 1000;
  const when = left > 0 ? `in ${durationText(left)}` : "not proved yet";
  const kept = login.kept_at && !login.is_open ? `, last kept ${ageText(ageSeconds(login.kept_at))}` : "";
  setText(note, `Weekly login ${when}: ${login.name}${kept}`);
  note.classList.toggle("is-due", login.is_open);
}

function durationText(seconds) {
  const minutes = Math.floor(seconds / 60);
  if (minutes >= 1440) return `${Math.floor(minutes / 1440)} d ${Math.floor((minutes % 1440) / 60)} h`;
  return minutes >= 60 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${minutes} min`;
}

function showBanner(session, silent) {
  const state = document.getElementById("gateway-state");
  if (!state) return;
  state.querySelector(".dot").dataset.tone = silent ? "bad" : session.tone;
  setText(part(state, "label"), silent ? "Unknown" : session.label);
  const reason = silent ? "gateway not running" : session.reason;
  setText(part(state, "reason"), reason ? `: ${reason}` : "");
  if (session.as_of) part(state, "age").dataset.asOf = session.as_of;
}

export function showAccount(data, session) {
  const account = data.accounts[0] ?? null;
  for (const [id, [name, format]] of Object.entries(MONEY)) {
    showAmount(document.getElementById(id), account?.[name] ?? null, account?.currency, format, data, session);
  }
}

function showAmount(tile, amount, currency, format, data, session) {
  const value = amount?.value ?? null;
  const figure = part(tile, "value");
  const unit = value === null ? "" : element("span", "currency", currency ?? "unknown currency");
  setFigure(figure, format(value), value, ...(unit ? [unit] : []));
  if (format === signedMoney) {
    figure.classList.toggle("good", tone(value) === "good");
    figure.classList.toggle("bad", tone(value) === "bad");
  }
  const doubt = sessionDoubt(session);
  const age = amount?.as_of ? ageSeconds(amount.as_of) : null;
  const isOld = age !== null && age > data.stale_after;
  tile.classList.toggle("is-stale", Boolean(value !== null && (doubt || isOld)));
  setText(part(tile, "note"), noteOf(value, age, isOld, doubt));
}

function noteOf(value, age, isOld, doubt) {
  if (value === null) return doubt || "not stated by the broker";
  const when = ageText(age);
  if (isOld || doubt) return `stale, ${when}${doubt ? `: ${doubt}` : ""}`;
  return when;
}
