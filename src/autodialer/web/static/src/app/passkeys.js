// A passkey that cannot be used says why in the page; without this it would say so to the console.

import { words } from "./words.js";

const say = words("page");

document.addEventListener("allauth.error", (event) => {
  const place = document.querySelector("[data-passkey-trouble]");
  if (!place) return;
  event.preventDefault();
  const { name, message } = event.detail.exception;
  const alert = document.createElement("div");
  alert.className = "alert alert-danger mt-3";
  alert.textContent = say(name) ?? say("no-key", { message });
  place.replaceChildren(alert);
});
