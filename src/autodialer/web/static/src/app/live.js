// Keeps the page up to date: one stream of server-sent events for all that it watches.
//
// <body data-live="campaign:12 agent"> names what is watched; [data-live-also] in a part that htmx
// exchanges adds to it. Each event holds elements that replace those of the same id. How old the
// figures are is always visible: [data-live-age], and #live-state once they cannot be trusted.

import { words } from "./words.js";

const OLD_MS = 10_000;
const LOST_MS = 30_000;
// Below it no proxy's time-out nor a short pause of the server is worth a word.
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 15_000;
// A hidden page is not read: it gives its connection back (browsers have six for a site) unless
// it watches an agent, who must hear at once that somebody has answered.
const HIDDEN_MS = 30_000;
// Whoever was told of a change and still shows the old state was not answered: it is told again.
const TELL_AGAIN_MS = 4_000;
// What has been drawn anew since and still shows another state, for example an older one that was
// kept for a moment, is told soon; never at once, or it would be asked for without end.
const TELL_SOON_MS = 1_000;

const say = words("page");
const body = document.body;
const banner = document.getElementById("live-state");

let stream = null;
let watched = "";
let failures = 0;
let retry = 0;
let hide = 0;
let state = "";
let serverAhead = 0; // milliseconds that the server's clock is ahead of this one
let asOf = Date.now(); // by this clock: the page itself was fresh
const held = new Map(); // id -> html that waits until a menu is closed

// What to watch ---------------------------------------------------------------------------------

function names() {
  const also = [...document.querySelectorAll("[data-live-also]")].map((e) => e.dataset.liveAlso);
  return [...new Set([body.dataset.live, ...also].join(" ").split(/\s+/).filter(Boolean))].sort();
}

function connect() {
  clearTimeout(retry);
  stream?.close();
  stream = null;
  const topics = names();
  watched = topics.join(" ");
  if (!topics.length) return;
  const url = `/live?${new URLSearchParams(topics.map((topic) => ["topic", topic]))}`;
  stream = new EventSource(url);
  stream.onmessage = (event) => {
    failures = 0;
    take(JSON.parse(event.data));
  };
  stream.onerror = () => again(url, stream?.readyState === EventSource.CLOSED);
}

// Always by ourselves: browsers come back at fixed times, all of them at once.
function again(url, refused) {
  stream.close();
  stream = null;
  failures += 1;
  const longest = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** failures);
  clearTimeout(retry);
  retry = setTimeout(() => (refused ? askWhy(url) : connect()), longest * (0.5 + Math.random() / 2));
}

// An EventSource keeps the status to itself.
async function askWhy(url) {
  const control = new AbortController();
  try {
    const { status } = await fetch(url, { signal: control.signal, cache: "no-store" });
    if ([401, 403, 404].includes(status)) {
      show("ended");
      return;
    }
  } catch {
    // No server yet: try on.
  } finally {
    control.abort();
  }
  connect();
}

// What comes ------------------------------------------------------------------------------------

function take({ now, age, parts }) {
  serverAhead = now - Date.now();
  if (age >= 0) asOf = Date.now() - age;
  for (const [id, html] of Object.entries(parts)) {
    if (id.startsWith("!")) tell(id.slice(1), html);
    else held.set(id, html);
  }
  replaceHeld();
  tick();
}

// The last value of each signal; which element of each signal was told what last, and when.
const signals = new Map();
const told = new Map();

function tell(name, value) {
  signals.set(name, value);
  for (const element of document.querySelectorAll(`[data-live-signal="${CSS.escape(name)}"]`)) {
    if (element.dataset.liveValue !== undefined) wake(element, value); // else it was made just now
  }
}

function wake(element, value) {
  // What htmx has just put in does not listen yet: htmx:load says when it does.
  if (element.dataset.liveValue === value || element.classList.contains("htmx-added")) return;
  if (element.querySelector(".htmx-request")) return; // somebody asks for something here
  const name = element.dataset.liveSignal;
  const last = told.get(name);
  const age = Date.now() - (last?.at ?? 0);
  if (age < Number(element.dataset.liveEvery ?? 0)) return;
  if (last?.value === value && age < (last.element === element ? TELL_AGAIN_MS : TELL_SOON_MS)) return;
  told.set(name, { value, at: Date.now(), element });
  element.dispatchEvent(new CustomEvent("live", { bubbles: false }));
}

// An answer that was on its way when the signal came puts an element there that missed it.
function wakeLateComers() {
  for (const element of document.querySelectorAll("[data-live-signal][data-live-value]")) {
    const value = signals.get(element.dataset.liveSignal);
    if (value !== undefined) wake(element, value);
  }
}

function replaceHeld() {
  for (const [id, html] of held) {
    const old = document.getElementById(id);
    if (old && isInUse(old)) continue;
    held.delete(id);
    if (old) replace(old, html);
  }
}

// Somebody reads a menu in it, or types.
function isInUse(element) {
  return element.matches("[data-live-hold]") || element.querySelector(
    "[data-live-hold], details.menu-toggle[open], details.dropdown-details[open], input:focus, textarea:focus, select:focus",
  ) !== null;
}

function replace(old, html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  const fresh = template.content.firstElementChild;
  if (!fresh) return;
  const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
  old.replaceWith(fresh);
  window.htmx?.process(fresh);
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  body.dispatchEvent(new CustomEvent("live:replaced", { detail: { id: fresh.id } }));
}

// How old it is ---------------------------------------------------------------------------------

const clock = new Intl.DateTimeFormat(document.documentElement.lang, { timeStyle: "medium" });

function tick() {
  replaceHeld();
  wakeLateComers();
  const age = Date.now() - asOf;
  for (const element of document.querySelectorAll("[data-live-age]")) {
    const text = say("age", { seconds: Math.max(0, Math.round(age / 1000)) });
    if (element.textContent !== text) element.textContent = text;
    element.classList.toggle("live-old", age > OLD_MS);
  }
  showClocks();
  if (watched && state !== "ended") show(age > LOST_MS ? "lost" : age > OLD_MS ? "old" : "on");
}

function showClocks() {
  for (const element of document.querySelectorAll("time[data-live-since]")) {
    const text = span(Date.now() + serverAhead - Date.parse(element.dataset.liveSince));
    if (element.textContent !== text) element.textContent = text;
  }
}

function span(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (number) => String(number).padStart(2, "0");
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return `${hours ? `${hours}:` : ""}${two(minutes)}:${two(seconds % 60)}`;
}

function show(wanted) {
  if (wanted === state) return;
  state = wanted;
  body.classList.toggle("is-stale", state === "lost");
  banner.textContent = {
    lost: say("lost", { time: clock.format(asOf) }),
    ended: say("ended"),
  }[state] ?? "";
  body.dispatchEvent(new CustomEvent("live:state", { detail: { state } }));
}

// -----------------------------------------------------------------------------------------------

document.addEventListener("visibilitychange", () => {
  clearTimeout(hide);
  if (document.hidden) {
    if (/(^| )agent( |$)/.test(watched)) return;
    hide = setTimeout(() => { clearTimeout(retry); stream?.close(); stream = null; }, HIDDEN_MS);
  } else if (!stream && state !== "ended") {
    connect();
  }
});
body.addEventListener("htmx:load", wakeLateComers);
body.addEventListener("htmx:load", showClocks);
window.addEventListener("pageshow", (event) => { if (event.persisted) connect(); });
window.addEventListener("pagehide", () => stream?.close());
body.addEventListener("htmx:afterSettle", () => { if (names().join(" ") !== watched) connect(); });

if (body.dataset.live !== undefined) {
  connect();
  setInterval(tick, 1000);
}
