// The agent's screen: keys, and another look when the clock is all that was in the way.
const SHORTCUT = (key) => document.querySelector(`#console [data-shortcut="${key}"]:not(:disabled)`);

document.addEventListener("keydown", (event) => {
  if (!event.altKey || event.ctrlKey || event.metaKey) return;
  const key = event.code.replace("Key", "").toLowerCase();
  const button = key === "m" ? document.querySelector("[data-phone-mute]:not(:disabled)") : SHORTCUT(key);
  if (!button) return;
  event.preventDefault();
  button.click();
});

const look = () => window.htmx.trigger("#console", "live");
let timer;

function planLook() {
  clearTimeout(timer);
  const at = document.getElementById("console")?.dataset.lookAgain;
  if (!at) return;
  // A timer holds 24 days at most; the page of a campaign that starts later is looked at then.
  timer = setTimeout(look, Math.min(Math.max(Date.parse(at) - Date.now(), 500), 2 ** 31 - 1));
}

planLook();
document.body.addEventListener("htmx:load", planLook);

// Pause, Resume, the end: what Start says depends on the campaign too.
document.body.addEventListener("live:replaced", (event) => {
  if (event.detail.id === "work-counts" && !document.querySelector("#console .btn-danger")) look();
});
