// A passkey that cannot be used says why in the page; without this it would say so to the console.

const SENTENCES = {
  NotAllowedError: "Nothing was done: it was cancelled, or took too long. Try again.",
  InvalidStateError: "This key is there already.",
  SecurityError: "Passkeys need a secure (https) address that is not a plain number.",
};

document.addEventListener("allauth.error", (event) => {
  const place = document.querySelector("[data-passkey-trouble]");
  if (!place) return;
  event.preventDefault();
  const { name, message } = event.detail.exception;
  const alert = document.createElement("div");
  alert.className = "alert alert-danger mt-3";
  alert.textContent = SENTENCES[name] ?? `The key could not be used: ${message}`;
  place.replaceChildren(alert);
});
