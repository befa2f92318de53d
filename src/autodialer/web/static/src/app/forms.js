// A form is sent once, however often its button is pressed; what went wrong on the way is said.
import { words } from "./words.js";

const say = words("page");
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

function warn(sentence) {
  const alert = document.createElement("div");
  alert.className = "alert alert-danger";
  alert.textContent = sentence;
  alerts.replaceChildren(alert);
}

document.body.addEventListener("htmx:sendError", () => {
  warn(say("unreachable"));
});

document.body.addEventListener("htmx:timeout", () => {
  warn(say("too-slow"));
});
