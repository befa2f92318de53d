// The panel of the browser's telephone: what softphone.js tells, on the page.
import { words } from "./app/words.js";
import { Softphone, State } from "./softphone.js";

const say = words("phone");
const panel = document.getElementById("phone");
const part = (selector) => panel.querySelector(selector);
const text = part("#phone-state");
const choice = part("#phone-microphone");
const mute = part("[data-phone-mute]");
const power = part("[data-phone-switch]");
const KEPT = "microphone";

async function account() {
  const token = JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"];
  const answer = await fetch(panel.dataset.account, { method: "POST", headers: { "X-CSRFToken": token } });
  if (!answer.ok) throw new Error(`no phone account: ${answer.status}`);
  const { user, secret, realm } = await answer.json();
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  return { url: `${scheme}//${location.host}/sip`, user, secret, realm };
}

function showMicrophones(microphones) {
  choice.replaceChildren(...microphones.map(({ id, label }) => new Option(label, id)));
  choice.disabled = microphones.length === 0;
  const kept = localStorage.getItem(KEPT);
  if (microphones.some(({ id }) => id === kept)) choice.value = kept;
}

function showState({ state, reason }) {
  panel.dataset.state = state;
  text.textContent = say(reason);
  mute.disabled = state !== State.IN_CALL;
  power.hidden = ![State.OFFLINE, State.BLOCKED, State.NO_MICROPHONE].includes(state);
  if (state === State.READY || state === State.OFFLINE) window.htmx.trigger("#console", "live");
}

const phone = new Softphone(
  { account, microphone: localStorage.getItem(KEPT) ?? "" },
  {
    onState: showState,
    onMicrophones: showMicrophones,
    onLevel: ({ microphone, line }) => {
      part("#phone-level").value = microphone;
      part("#phone-line").value = line;
    },
  },
);

choice.addEventListener("change", () => {
  localStorage.setItem(KEPT, choice.value);
  phone.useMicrophone(choice.value);
});

mute.addEventListener("click", () => {
  phone.setMuted(!phone.muted);
  mute.setAttribute("aria-pressed", String(phone.muted));
});

power.addEventListener("click", () => phone.start());

// A call lives in this page: it is asked about before it is left, and a customer never stays
// behind with nobody. A browser that dies without a word is found by its silence.
addEventListener("beforeunload", (event) => {
  if (phone.state === State.IN_CALL) event.preventDefault();
});
addEventListener("pagehide", () => phone.hangUp());

phone.start();
