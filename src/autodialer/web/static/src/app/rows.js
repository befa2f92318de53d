// A link with data-opens="id" of a table cell opens the row of that cell below its own, filled by
// htmx, and closes it again. Without JavaScript the link leads to a page of its own.
const cellOf = (link) => document.getElementById(link.dataset.opens);

function show(cell, isOpen) {
  cell.parentElement.hidden = !isOpen;
  for (const link of document.querySelectorAll(`[data-opens="${cell.id}"][aria-expanded]`)) {
    link.setAttribute("aria-expanded", String(isOpen));
  }
}

document.body.addEventListener("htmx:beforeRequest", (event) => {
  const link = event.detail.elt.closest("[data-opens]");
  if (!link || cellOf(link).parentElement.hidden) return;
  event.preventDefault();
  show(cellOf(link), false);
  cellOf(link).replaceChildren(); // a recording that plays falls silent
});

document.body.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.requestConfig?.elt.closest("[data-opens]")) show(event.detail.target, true);
});
