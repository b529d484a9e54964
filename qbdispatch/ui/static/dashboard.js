// Keeps the dashboard fresh: asks for the page itself every two seconds and takes over the parts that changed.
// What the reader is doing stays as it is: focus, opened details, filled forms, scroll position.
"use strict";
(() => {
  const EVERY_MS = 2000, ARR_EVERY_MS = 30000, PATIENCE_MS = 8000;
  const live = document.getElementById("live");
  if (!live) return;
  const offline = document.getElementById("connection");
  let etag = "", busy = false, arrAsked = 0, fresh = new Date();
  let known = new Map(parts(live).map((part) => [part.id, part.cloneNode(true)]));

  function parts(root) { return [...root.querySelectorAll("[data-live]")]; }

  async function get(address, headers) {
    const answer = await fetch(address, {
      headers, cache: "no-store", credentials: "same-origin", signal: AbortSignal.timeout(PATIENCE_MS),
    });
    if (answer.status === 401) location.reload();
    if (answer.status !== 200 && answer.status !== 304) throw new Error(String(answer.status));
    return answer;
  }

  async function page(answer) { return new DOMParser().parseFromString(await answer.text(), "text/html"); }

  async function refresh() {
    const answer = await get(location.pathname, etag ? { "If-None-Match": etag } : {});
    fresh = new Date();
    if (answer.status === 304) return;
    etag = answer.headers.get("ETag") || "";
    const next = await page(answer);
    const found = parts(next);
    if (found.map((part) => part.id).join() !== [...known.keys()].join()) return location.reload();
    found.forEach(takeOver);
    document.title = next.title;
    const token = next.querySelector("input[name=csrf]");
    if (token) document.querySelectorAll("input[name=csrf]").forEach((input) => { input.value = token.value; });
  }

  // The element itself stays, so that screen readers hear of what changes in it.
  function takeOver(part) {
    if (part.isEqualNode(known.get(part.id))) return;
    known.set(part.id, part.cloneNode(true));
    const shown = document.getElementById(part.id);
    const focused = shown.contains(document.activeElement) ? document.activeElement.id : "";
    const open = [...shown.querySelectorAll("details[open]")].map((details) => details.id);
    shown.className = part.className;
    shown.replaceChildren(...document.importNode(part, true).childNodes);
    for (const id of open) { const details = document.getElementById(id); if (details) details.open = true; }
    const again = focused && document.getElementById(focused);
    if (again) again.focus({ preventScroll: true });
  }

  async function askArr() {
    const shown = document.getElementById("arr");
    if (!shown || Date.now() - arrAsked < ARR_EVERY_MS) return;
    arrAsked = Date.now();
    const next = (await page(await get(shown.dataset.fetch))).getElementById("arr");
    if (next && next.innerHTML.trim() !== shown.innerHTML.trim()) {
      shown.replaceChildren(...document.importNode(next, true).childNodes);
    }
  }

  function sayOffline(isOffline) {
    const since = fresh.toISOString().slice(11, 19);
    const text = isOffline ? `No connection to the dispatcher: the figures are those of ${since} UTC.` : "";
    if (offline.textContent !== text) offline.textContent = text;
    offline.hidden = !isOffline;
  }

  async function turn() {
    if (document.hidden || busy) return;
    busy = true;
    askArr().catch(() => {});
    try { await refresh(); sayOffline(false); } catch { sayOffline(true); }
    busy = false;
  }

  setInterval(turn, EVERY_MS);
  document.addEventListener("visibilitychange", turn);
  turn();
})();
