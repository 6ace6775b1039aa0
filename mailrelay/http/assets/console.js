// Comfort for the console: buttons that copy, times that go on. Without it everything can be read and selected.
"use strict";

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button.copy");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  const text = button.textContent;
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = text; }, 1500);
});

// The words of console/look.when, told again as time goes by.
const UNITS = [[86400, "day"], [3600, "hour"], [60, "minute"]];

function told(seconds) {
  const away = Math.abs(seconds);
  for (const [length, unit] of UNITS) {
    if (away >= length) {
      const count = Math.floor(away / length);
      const words = `${count} ${unit}${count === 1 ? "" : "s"}`;
      return seconds > 0 ? `${words} ago` : `in ${words}`;
    }
  }
  return seconds >= 0 ? "just now" : "in a moment";
}

setInterval(() => {
  for (const each of document.querySelectorAll("time[title]:not(.after)")) {
    const seconds = Math.floor((Date.now() - Date.parse(each.dateTime)) / 1000);
    if (Math.abs(seconds) < 30 * 86400) each.textContent = told(seconds);
  }
}, 30000);

// A file that a page is there for begins by itself.
for (const each of document.querySelectorAll("a[data-begin]")) each.click();

// What console/look.followed shows is fetched again while it goes on.
setInterval(async () => {
  for (const each of document.querySelectorAll("[data-follow]")) {
    const answer = await fetch(location.href).catch(() => null);
    if (!answer) return;  // the relay is away: it is asked again
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById(each.id);
    if (fresh) each.replaceWith(fresh);
    else location.reload();  // nobody knows of it any more, or who looks is not signed in: the page says which
  }
}, 1500);
