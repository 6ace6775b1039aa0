// Renews the list while somebody looks at it. Without it the page is the same, only still.
"use strict";

const PERIOD = 2000; // milliseconds

async function renew() {
  if (document.visibilityState !== "visible") return;
  const answer = await fetch(location.href, { credentials: "same-origin" });
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
  const main = document.querySelector("main");
  if (fresh && fresh.innerHTML !== main.innerHTML && !main.contains(document.activeElement)) main.replaceWith(fresh);
}

setInterval(() => renew().catch(() => {}), PERIOD);
