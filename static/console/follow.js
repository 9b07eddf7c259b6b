// A page that follows a row: it asks for the row's version and shows the page anew when that changed. Never while somebody
// writes into a form: then it says so and leaves the moment to the person.

const ASK_FOR = 5000;
const page = document.querySelector("[data-live]");
const note = document.getElementById("live-state");
const key = `told:${location.pathname}`;

// What changed with the last reload, for screen readers.
export function announceChange(text) {
  const before = sessionStorage.getItem(key);
  sessionStorage.setItem(key, text);
  if (before !== null && before !== text) document.getElementById("announcement").textContent = `Now: ${text}`;
}

export function follow(everyMs) {
  const round = async () => {
    if (await look()) setTimeout(round, everyMs);
  };
  setTimeout(round, everyMs);
}

async function look() {
  try {
    const answer = await fetch(page.dataset.live, { signal: AbortSignal.timeout(ASK_FOR) });
    if (!answer.ok) throw new Error(String(answer.status));
    const data = await answer.json();
    tell("");
    return data.version === page.dataset.version ? data.goes_on : showAnew();
  } catch {
    tell("stale: the server does not answer. What it shows may have changed; trading goes on without this page.");
    return true;
  }
}

function showAnew() {
  if (isWriting()) {
    tell("This has changed meanwhile: ", "show it as it is now");
    return true;
  }
  location.reload();
  return false;
}

function isWriting() {
  const inputs = [...document.querySelectorAll(".trading form input:not([type=hidden]), .trading form select")];
  return inputs.some((input) => input === document.activeElement || (input.tagName === "INPUT" && input.value !== input.defaultValue));
}

function tell(text, link = "") {
  if (note.dataset.text === text) return;
  note.dataset.text = text;
  note.replaceChildren(text);
  note.classList.toggle("bad", Boolean(text));
  if (!link) return;
  const anchor = document.createElement("a");
  anchor.href = location.href;
  anchor.textContent = link;
  note.append(anchor);
}
