// What moves on a page: fragments that the gateway sends, times in the reader's own zone, buttons
// that copy, questions before what cannot be undone. Every page works without it.

import { explain } from "./harmless.js";

const RETRY_AFTER = 3000; // milliseconds

const body = document.body;

// ---- times ------------------------------------------------------------------------------------

// As logs and files write them, in whatever language: no month is taken for a day.
const format = new Intl.DateTimeFormat("sv-SE", {
  year: "numeric", month: "2-digit", day: "2-digit",
  hour: "2-digit", minute: "2-digit", second: "2-digit",
});
const short = { format: (at) => format.format(at).slice("2026-".length, -":00".length) };

function showTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]:not([data-shown])")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    time.title = time.textContent;
    time.textContent = ("short" in time.dataset ? short : format).format(at);
    time.dataset.shown = "";
  }
  // What a drawing says of a moment when one points at it.
  for (const title of root.querySelectorAll("title[data-at]")) {
    title.textContent = `${format.format(new Date(title.dataset.at))} · ${title.textContent}`;
    delete title.dataset.at;
  }
}

// ---- fragments --------------------------------------------------------------------------------

// What a person is in the middle of stays: the focus, what was unfolded, what was typed.
function swap(section, html) {
  const focused = section.contains(document.activeElement) ? document.activeElement : null;
  if (focused?.matches("input, select, textarea")) return;
  const unfolded = [...section.querySelectorAll("details[open]")].map((each) => placeOf(section, each));
  const place = focused && placeOf(section, focused);
  section.innerHTML = html;
  for (const path of unfolded) find(section, path)?.setAttribute?.("open", "");
  if (place) find(section, place)?.focus({ preventScroll: true });
  showTimes(section);
  section.dispatchEvent(new CustomEvent("swapped", { bubbles: true }));
}

// Where an element is: its id, else its way down from the nearest row of that name.
function placeOf(section, element) {
  if (element.id) return { id: element.id };
  const steps = [];
  let row = null;
  for (let each = element; each !== section; each = each.parentElement) {
    row = [...each.attributes].find(({ name }) => name.startsWith("data-") && name.endsWith("-id"));
    if (row) break;
    steps.unshift([...each.parentElement.children].indexOf(each));
  }
  return { row: row && `[${row.name}="${CSS.escape(row.value)}"]`, steps };
}

function find(section, { id, row, steps }) {
  if (id) return section.querySelector(`#${CSS.escape(id)}`);
  let found = row ? section.querySelector(row) : section;
  for (const step of steps) found = found?.children[step];
  return found;
}

function follow(address) {
  const query = location.search.slice(1);
  const joint = address.includes("?") ? "&" : "?";
  const events = new EventSource(query ? address + joint + query : address);
  events.addEventListener("open", () => showLost(false));
  events.addEventListener("fragments", (event) => {
    showLost(false);
    for (const [name, html] of Object.entries(JSON.parse(event.data))) {
      const section = document.querySelector(`[data-live="${CSS.escape(name)}"]`);
      if (section) swap(section, html);
    }
  });
  events.addEventListener("error", async () => {
    events.close();
    if (leaving) return;
    showLost(true);
    if (await isSignedOut()) location.reload();
    else setTimeout(() => follow(address), RETRY_AFTER);
  });
  addEventListener("pagehide", () => events.close(), { once: true });
}

async function isSignedOut() {
  try {
    return (await fetch("/admin/api/status")).status === 401;
  } catch {
    return false; // nobody is there to say
  }
}

let leaving = false;
addEventListener("pagehide", () => { leaving = true; });
// Back out of the browser's memory: what was shown is old.
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

let lost = null;
function showLost(isLost) {
  if (isLost && !lost) {
    lost = document.createElement("p");
    lost.className = "banner warn lost";
    lost.setAttribute("role", "status");
    lost.textContent = body.dataset.lost;
    document.querySelector("main").prepend(lost);
  } else if (!isLost && lost) {
    lost.remove();
    lost = null;
  }
}

// ---- buttons ----------------------------------------------------------------------------------

async function copy(button) {
  const text = button.dataset.copy;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Not allowed, or no TLS and not this machine: mark it, so that the keys of the system copy it.
    const range = document.createRange();
    range.selectNodeContents(button.parentElement.querySelector("code") ?? button);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    if (!document.execCommand("copy")) return;
  }
  const word = button.textContent;
  button.textContent = button.dataset.copied;
  setTimeout(() => { button.textContent = word; }, 1500);
}

function ask(form) {
  const dialog = document.createElement("dialog");
  const question = document.createElement("p");
  question.textContent = form.dataset.sure;
  question.id = "question";
  dialog.setAttribute("aria-labelledby", "question");
  const answers = document.createElement("form");
  answers.method = "dialog";
  for (const [value, word, kind] of [["no", body.dataset.cancel, "quiet"], ["yes", body.dataset.yes, "bad"]]) {
    const button = document.createElement("button");
    Object.assign(button, { value, textContent: word, className: kind });
    answers.append(button);
  }
  dialog.append(question, answers);
  body.append(dialog);
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (dialog.returnValue === "yes") form.submit();
  });
  dialog.showModal();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) copy(button);
});
document.addEventListener("submit", (event) => {
  if (event.target.dataset.sure && event.target !== body) {
    event.preventDefault();
    ask(event.target);
  }
});

// ---- what counts for some minutes only -----------------------------------------------------------

function countDown(shown) {
  const left = shown.querySelector("[data-left]");
  const before = left.querySelector("time");
  const words = left.firstChild.textContent.trim();
  const until = performance.now() + 1000 * shown.dataset.seconds; // whatever the reader's clock says
  const tick = () => {
    const seconds = Math.max(0, Math.round((until - performance.now()) / 1000));
    left.textContent = seconds
      ? `${words} ${before.textContent} (${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")})`
      : shown.dataset.over;
    shown.classList.toggle("over", !seconds);
    if (!seconds) clearInterval(timer);
  };
  const timer = setInterval(tick, 1000);
  tick();
}

// ---- sending a file ---------------------------------------------------------------------------

async function upload(form) {
  const button = form.querySelector("button");
  const refused = form.querySelector('[data-testid="refused"]');
  const word = button.textContent;
  refused.hidden = button.disabled = true;
  button.textContent = button.dataset.working;
  try {
    const response = await fetch(form.dataset.upload, {
      method: "PUT",
      headers: { "Content-Type": "application/octet-stream" },
      body: form.elements.file.files[0],
    });
    if (!response.ok) throw new Error(await explain(response));
    location.reload();
  } catch (error) {
    refused.textContent = error.message;
    refused.hidden = false;
  } finally {
    button.disabled = false;
    button.textContent = word;
  }
}

for (const form of document.querySelectorAll("form[data-upload]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    upload(form);
  });
}

// What is shown this once was made by this page's form: a reload is not to make it again.
const then = document.querySelector("[data-then]")?.dataset.then;
if (then) history.replaceState(null, "", then);

showTimes(document);
for (const shown of document.querySelectorAll("[data-seconds]")) countDown(shown);
// A strip of the menu that is wider than a phone shows where one is.
document.querySelector("nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
if (body.dataset.liveAddress) follow(body.dataset.liveAddress);
