// Traces: times in the reader's zone, in UTC or relative; arrow keys go through the list; the
// gateway is told the zone, so that `?at=14:03` means the reader's clock.

const root = document.documentElement;
const box = document.querySelector("[data-times]");
const select = document.querySelector("#times");
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

function remember(mode) {
  try { localStorage.setItem("eyeclaw_times", mode); } catch { /* then it is asked again */ }
}

function remembered() {
  try { return localStorage.getItem("eyeclaw_times") ?? "local"; } catch { return "local"; }
}

const fields = {
  year: "numeric", month: "2-digit", day: "2-digit",
  hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
};
// As logs and files write them, in whatever language: no month is taken for a day.
const local = new Intl.DateTimeFormat("sv-SE", fields);
const utc = new Intl.DateTimeFormat("sv-SE", { ...fields, timeZone: "UTC", timeZoneName: "short" });
const ago = new Intl.RelativeTimeFormat(root.lang, { numeric: "auto", style: "short" });

function relative(at) {
  const seconds = Math.round((at - Date.now()) / 1000);
  for (const [unit, size] of [["day", 86400], ["hour", 3600], ["minute", 60]]) {
    if (Math.abs(seconds) >= size) return ago.format(Math.trunc(seconds / size), unit);
  }
  return ago.format(seconds, "second");
}

const show = { local: (at) => local.format(at), utc: (at) => utc.format(at), relative };

function showTimes() {
  for (const time of document.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    const text = Number.isNaN(at.getTime()) ? "" : show[select.value](at);
    if (text && text !== time.textContent) time.textContent = text;
    time.dataset.shown = "";
    time.title = time.dateTime;
  }
}

function tellZone() {
  const told = select.value === "utc" ? "UTC" : zone;
  const kept = `eyeclaw_zone=${encodeURIComponent(told)}`;
  if (document.cookie.split("; ").includes(kept)) return;
  document.cookie = `${kept}; path=/admin/; max-age=31536000; samesite=strict`;
}

if (select) {
  select.value = remembered() in show ? remembered() : "local";
  box.hidden = false;
  select.addEventListener("change", () => { remember(select.value); tellZone(); showTimes(); });
  document.addEventListener("swapped", showTimes);
  setInterval(() => { if (select.value === "relative") showTimes(); }, 1000);
  tellZone();
  showTimes();
}

// On a phone the list comes first: its filters are a touch away.
if (matchMedia("(max-width: 40rem)").matches) {
  document.querySelector("details.filters")?.removeAttribute("open");
}

document.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  // Whoever types, chooses or scrolls means something else by an arrow.
  if (document.activeElement?.closest("input, select, textarea, [contenteditable], .scroll, pre, dialog")) return;
  const name = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
  const link = name && document.querySelector(`nav.beside a[rel="${name}"]`);
  if (link) { event.preventDefault(); link.click(); }
});
