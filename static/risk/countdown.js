// Counts down to the moment in data-counts-to; when it has come, the page tells what became of it.

const PAUSE = 1000;
const spans = [...document.querySelectorAll("[data-counts-to]")];

function show() {
  let isOver = false;
  for (const span of spans) {
    const left = Math.ceil((Date.parse(span.dataset.countsTo) - Date.now()) / 1000);
    span.textContent = `${Math.max(0, left)} s`;
    isOver ||= left < -2;
  }
  if (isOver) window.location.reload();
  else if (spans.length) window.setTimeout(show, PAUSE);
}

show();
