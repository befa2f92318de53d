// Rows of "name, value" in a form: one more at the press of a button, one less at another's.
// Without JavaScript the page has some empty rows, and emptied ones are left out.
for (const rows of document.querySelectorAll("[data-pairs]")) {
  const add = rows.parentElement.querySelector("[data-pair-add]");
  add.hidden = false;
  for (const tools of rows.querySelectorAll("[data-pair-tools]")) tools.hidden = false;

  add.addEventListener("click", () => {
    const row = rows.lastElementChild.cloneNode(true);
    for (const input of row.querySelectorAll("input")) input.value = "";
    rows.append(row);
    number(rows);
    row.querySelector("input").focus();
  });

  rows.addEventListener("click", (event) => {
    const row = event.target.closest("[data-pair-remove]")?.closest("[data-pair]");
    if (!row) return;
    if (rows.childElementCount > 1) row.remove();
    else for (const input of row.querySelectorAll("input")) input.value = "";
    number(rows);
    (rows.querySelector("input") ?? add).focus();
  });
}

// Each row is called by its place.
function number(rows) {
  [...rows.children].forEach((row, at) => {
    for (const input of row.querySelectorAll("input")) {
      input.setAttribute("aria-label", input.getAttribute("aria-label").replace(/\d+$/, at + 1));
    }
  });
}
