// Every <time data-as-of> tells its age, every second, by the server's clock. What is older than it may be says so.

const banner = document.querySelector("[data-server-now]");
let serverAhead = banner ? Date.parse(banner.dataset.serverNow) - Date.now() : 0;

export function setServerNow(iso) {
  serverAhead = Date.parse(iso) - Date.now();
}

export function serverNow() {
  return Date.now() + serverAhead;
}

export function ageSeconds(iso) {
  return Math.max(0, (serverNow() - Date.parse(iso)) / 1000);
}

export function ageText(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 129600) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86400)} days ago`;
}

export function showAge(element) {
  const seconds = ageSeconds(element.dataset.asOf);
  const isOld = Boolean(element.dataset.oldAfter) && seconds > Number(element.dataset.oldAfter);
  const text = isOld ? `stale, ${ageText(seconds)}` : ageText(seconds);
  if (element.textContent !== text) element.textContent = text;
  element.classList.toggle("is-old", isOld);
  element.dateTime = element.dataset.asOf;
  return isOld;
}

export function showAges() {
  for (const element of document.querySelectorAll("time[data-as-of]")) showAge(element);
}

showAges();
setInterval(showAges, 1000);
