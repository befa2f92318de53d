// A form is sent once, however often its button is pressed; what went wrong on the way is said.
const alerts = document.getElementById("alerts");

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || form.hasAttribute("hx-post")) return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "yes";
});

// The back button shows a page as it was left: its forms may be sent again.
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

function say(sentence) {
  const alert = document.createElement("div");
  alert.className = "alert alert-danger";
  alert.textContent = sentence;
  alerts.replaceChildren(alert);
}

document.body.addEventListener("htmx:sendError", () => {
  say("The server cannot be reached. Nothing was changed; try again.");
});

document.body.addEventListener("htmx:timeout", () => {
  say("The server took too long to answer. Look at the page before you try again.");
});
