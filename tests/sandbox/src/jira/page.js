"use strict";
// Asks every second for what has changed and puts it in place; what the reader unfolded stays unfolded.
const main = document.querySelector("main"), live = document.querySelector(".live");
let seen = main.dataset.seen;
async function look() {
  try {
    const answer = await fetch(location.pathname + "?seen=" + seen, { cache: "no-store" });
    live.classList.remove("lost");
    live.textContent = "live";
    if (answer.status !== 200) return;
    const open = new Set([...main.querySelectorAll("details[open]")].map(found => found.id));
    main.innerHTML = await answer.text();
    seen = answer.headers.get("x-seen");
    for (const found of main.querySelectorAll("details")) found.open = open.has(found.id);
  } catch {
    live.classList.add("lost");
    live.textContent = "not answering";
  }
}
setInterval(look, 1000);
