// Numbers for people. What is not known is called unknown, never 0 and never nothing.

const decimals = { 0: formatter(0), 2: formatter(2), 4: formatter(4) };

function formatter(digits) {
  return new Intl.NumberFormat("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

const loose = new Intl.NumberFormat("en-US", { maximumFractionDigits: 6 });

export const UNKNOWN = "unknown";

export function quantity(text) {
  return text === null ? UNKNOWN : minus(loose.format(Number(text)));
}

export function money(text) {
  return text === null ? UNKNOWN : minus(decimals[2].format(Number(text)));
}

export function price(text) {
  if (text === null) return UNKNOWN;
  const value = Number(text);
  return minus((Math.abs(value) < 1 && value !== 0 ? decimals[4] : decimals[2]).format(value));
}

export function signedMoney(text) {
  if (text === null) return UNKNOWN;
  const shown = money(text);
  return Number(text) > 0 ? `+${shown}` : shown;
}

function minus(shown) {
  return shown.replace("-", "\u2212");
}

export function tone(text) {
  const value = Number(text);
  if (text === null || value === 0) return "";
  return value > 0 ? "good" : "bad";
}

export function timeOfDay(iso) {
  return new Date(iso).toISOString().slice(11, 19);
}

export function dateAndTime(iso) {
  const text = new Date(iso).toISOString();
  return `${text.slice(0, 10)} ${text.slice(11, 16)} UTC`;
}

export function untilText(seconds) {
  if (seconds <= 0) return "due now";
  if (seconds < 90) return `in ${Math.round(seconds)} s`;
  if (seconds < 5400) return `in ${Math.round(seconds / 60)} min`;
  if (seconds < 129600) return `in ${Math.round(seconds / 3600)} h`;
  return `in ${Math.round(seconds / 86400)} days`;
}
