// A run while it goes on: asks once a second what changed, and says so without taking the reader's place.

const page = document.querySelector(".run");
const liveState = document.getElementById("live-state");
const announcement = document.getElementById("announcement");
const PAUSE = 1000;
const LONGEST_PAUSE = 8000;

let pause = PAUSE;
let lastState = page.querySelector('[data-field="state"]').textContent;
let quarter = 0;

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function showFields(fields) {
  for (const element of page.querySelectorAll("[data-field]")) {
    const text = fields[element.dataset.field];
    if (element.id === "log") showLog(element, text);
    else setText(element, text);
  }
}

// Follow the end of the log, unless somebody has scrolled up to read.
function showLog(element, text) {
  const atEnd = element.scrollHeight - element.scrollTop - element.clientHeight < 24;
  setText(element, text);
  if (atEnd) element.scrollTop = element.scrollHeight;
}

function showFlags(flags) {
  for (const element of page.querySelectorAll("[data-flag]")) element.hidden = !flags[element.dataset.flag];
  for (const element of page.querySelectorAll("[data-flag-not]")) element.hidden = flags[element.dataset.flagNot];
}

function showProgress(view) {
  const bar = document.getElementById("progress");
  if (!view.total) return;
  bar.max = view.total;
  bar.value = view.done ?? 0;
}

function showMoments(moments) {
  for (const moment of moments) {
    const row = page.querySelector(`[data-moment="${moment.key}"]`);
    row.hidden = !moment.utc;
    for (const cell of row.querySelectorAll("[data-part]")) setText(cell, moment[cell.dataset.part]);
  }
}

function showResult(result) {
  const list = document.getElementById("result");
  if (list.children.length === result.length * 2) return;
  list.replaceChildren(
    ...result.flatMap(([name, value]) => {
      const term = document.createElement("dt");
      const description = document.createElement("dd");
      term.textContent = name;
      description.textContent = value;
      return [term, description];
    }),
  );
}

// Not every second: a change of state, and each quarter of the way.
function announce(view) {
  const reached = view.flags.progress ? Math.floor((4 * (view.done ?? 0)) / view.total) : 0;
  if (view.fields.state !== lastState) setText(announcement, `${view.fields.state}. ${view.fields.headline}. ${view.fields.error}`);
  else if (reached > quarter) setText(announcement, view.fields.progress);
  lastState = view.fields.state;
  quarter = reached;
}

function show(view) {
  showFields(view.fields);
  showFlags(view.flags);
  showProgress(view);
  showMoments(view.moments);
  showResult(view.result);
  page.querySelector("[data-tone]").className = `tag tag-${view.tone}`;
  announce(view);
}

async function look() {
  try {
    const answer = await fetch(page.dataset.live, { headers: { Accept: "application/json" }, redirect: "error" });
    if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
    const view = await answer.json();
    show(view);
    pause = PAUSE;
    setText(liveState, "Live: this page follows the run.");
    liveState.classList.remove("bad");
    if (!view.flags.unfinished) return;
  } catch (error) {
    pause = Math.min(pause * 1.7, LONGEST_PAUSE);
    setText(liveState, "Not live: the server does not answer, or you are signed out. Trying again.");
    liveState.classList.add("bad");
  }
  setTimeout(look, document.hidden ? LONGEST_PAUSE : pause);
}

document.addEventListener("visibilitychange", () => {
  pause = PAUSE;
});
look();
