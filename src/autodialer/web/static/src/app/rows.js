// A link with data-opens="id" of a table cell opens the row of that cell below its own, filled by
// htmx, and closes it again; one with data-plays plays the recording in it, too. Without
// JavaScript the link leads to a page of its own.
const cellOf = (link) => document.getElementById(link.dataset.opens);

function show(cell, isOpen) {
  cell.parentElement.hidden = !isOpen;
  for (const link of document.querySelectorAll(`[data-opens="${cell.id}"][aria-expanded]`)) {
    link.setAttribute("aria-expanded", String(isOpen));
  }
}

// It may be taken away before it has begun, or not be there: the row says so.
function play(recording) {
  recording?.play().catch(() => {});
}

document.body.addEventListener("htmx:beforeRequest", (event) => {
  const link = event.detail.elt.closest("[data-opens]");
  if (!link || cellOf(link).parentElement.hidden) return;
  event.preventDefault();
  const recording = cellOf(link).querySelector("audio");
  if ("plays" in link.dataset && recording?.paused) {
    play(recording);
    return;
  }
  show(cellOf(link), false);
  cellOf(link).replaceChildren(); // a recording that plays falls silent
});

// A table that is asked for again by itself does not take away what somebody looks at or types.
document.body.addEventListener("htmx:beforeRequest", (event) => {
  const table = event.detail.elt;
  if (!table.dataset.liveSignal) return;
  const isRead = [...table.querySelectorAll("td[id]")].some((cell) => !cell.parentElement.hidden);
  if (isRead || table.contains(document.activeElement)) event.preventDefault();
});

document.body.addEventListener("htmx:afterSwap", (event) => {
  const link = event.detail.requestConfig?.elt.closest("[data-opens]");
  if (!link) return;
  show(event.detail.target, true);
  if ("plays" in link.dataset) play(event.detail.target.querySelector("audio"));
});
