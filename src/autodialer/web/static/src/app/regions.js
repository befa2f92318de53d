// Countries by their names in the reader's language: the browser knows them all.
const names = new Intl.DisplayNames([document.documentElement.lang, "en"], { type: "region" });

function name(root) {
  for (const select of root.querySelectorAll("select[data-regions]:not([data-named])")) {
    select.dataset.named = "";
    for (const option of select.options) option.text = `${names.of(option.value)} (${option.text})`;
    const chosen = select.value;
    select.append(...[...select.options].sort((a, b) => a.text.localeCompare(b.text)));
    select.value = chosen;
  }
}

name(document);
document.body.addEventListener("htmx:afterSwap", (event) => name(event.detail.target));
