// The next runs follow what is typed. Without this file the Preview button does the same.
const form = document.querySelector("#jobschedule_form");
const PAUSE = 350;
let waiting = 0;
let asked = 0;

async function refresh() {
  const question = ++asked;
  const entered = new FormData(form);
  entered.set("_preview", "1");
  try {
    const answer = await fetch(location.href, { method: "POST", body: entered, credentials: "same-origin" });
    if (!answer.ok || question !== asked) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.querySelector("#schedule-preview");
    if (fresh) document.querySelector("#schedule-preview").replaceChildren(...fresh.childNodes);
  } catch {
    // The server is away: the button tells.
  }
}

form?.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(refresh, PAUSE);
});
