// Small changes to the page: only what differs is touched, so that screen readers and eyes are left in peace.

export function part(parent, name) {
  return parent.querySelector(`[data-part="${name}"]`);
}

export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function element(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children.filter((child) => child !== null && child !== ""));
  return made;
}

export function ageElement(iso, oldAfter) {
  if (iso === null) return element("span", "unknown", "unknown");
  const time = element("time", "");
  time.dataset.asOf = iso;
  if (oldAfter) time.dataset.oldAfter = oldAfter;
  return time;
}

// Show a figure, briefly coloured when the number behind it moved.
export function setFigure(target, text, value, ...rest) {
  const before = target.dataset.value;
  const now = value === null ? "" : String(value);
  if (before === now && target.dataset.text === text) return;
  target.dataset.value = now;
  target.dataset.text = text;
  target.replaceChildren(text, ...rest);
  target.classList.toggle("unknown", value === null);
  if (before === undefined || before === "" || now === "" || before === now) return;
  const motion = Number(now) > Number(before) ? "rose" : "fell";
  target.classList.remove("rose", "fell");
  void target.offsetWidth;
  target.classList.add(motion);
}

// Keep table rows by key. A cell is a function that fills its <td>.
export function renderRows(body, rows, keyOf, cells) {
  const existing = new Map([...body.rows].map((row) => [row.dataset.key, row]));
  rows.forEach((data, index) => {
    const key = String(keyOf(data));
    const row = existing.get(key) ?? newRow(key, cells);
    existing.delete(key);
    cells.forEach((cell, column) => cell.fill(row.cells[column], data));
    if (body.rows[index] !== row) body.insertBefore(row, body.rows[index] ?? null);
  });
  for (const row of existing.values()) row.remove();
}

function newRow(key, cells) {
  const row = element("tr", "");
  row.dataset.key = key;
  for (const cell of cells) {
    const td = element("td", cell.className ?? "");
    td.dataset.label = cell.label;
    row.append(td);
  }
  return row;
}

// Replace a cell's content only when what it shows changed.
export function fill(cell, signature, build) {
  if (cell.dataset.signature === signature) return;
  cell.dataset.signature = signature;
  cell.replaceChildren(...build());
}
