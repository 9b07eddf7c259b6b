// A receipt goes on while the action does: asked every second until it has ended.

const ASK_EVERY = 1000;
const ASK_FOR = 5000;
const page = document.querySelector(".receipt[data-live]");
const body = document.getElementById("receipt");
const note = document.getElementById("live-state");
let state = document.getElementById("receipt-state").textContent;
let shown = "";

async function follow() {
  let goesOn = true;
  try {
    const answer = await fetch(page.dataset.live, { signal: AbortSignal.timeout(ASK_FOR) });
    if (!answer.ok) throw new Error(String(answer.status));
    const data = await answer.json();
    if (shown !== data.html) body.innerHTML = shown = data.html;
    if (data.state !== state) document.getElementById("announcement").textContent = state = data.state;
    goesOn = data.is_running;
    note.textContent = "";
    note.classList.remove("bad");
  } catch {
    note.textContent = "stale: the server does not answer. The gateway goes on with it all the same.";
    note.classList.add("bad");
  }
  if (goesOn) setTimeout(follow, ASK_EVERY);
}

setTimeout(follow, ASK_EVERY);
