// A link with hx-target="#dialog-content" opens its answer as a dialog; without JavaScript the same
// address is a page of its own.
const dialog = document.getElementById("dialog");
const content = document.getElementById("dialog-content");

document.body.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target !== content) return;
  if (!dialog.open) dialog.showModal();
  (content.querySelector("[data-autofocus], [autofocus], input:not([type=hidden])") ?? content).focus();
});

// A refusal inside the dialog is shown there: the page below it cannot be read.
document.body.addEventListener("htmx:beforeSwap", (event) => {
  if (!dialog.open || event.detail.xhr.getResponseHeader("HX-Retarget") !== "#alerts") return;
  const alerts = content.querySelector("[data-alerts]");
  if (alerts) event.detail.target = alerts;
});

document.addEventListener("click", (event) => {
  // On the page that the dialog is elsewhere, the same link is a link.
  if (dialog.open && event.target.closest("[data-dialog-close]")) {
    event.preventDefault();
    dialog.close();
  }
});

dialog.addEventListener("close", () => content.replaceChildren());
