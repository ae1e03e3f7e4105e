// Keeps the page fresh: asks for it again and puts the new middle in place. The server escapes; nothing is put together here.
"use strict";
const EVERY = 3000;
async function refresh() {
  const main = document.querySelector("main[data-live]");
  if (!main || document.hidden || main.contains(document.activeElement)) return;
  const answer = await fetch(location.href, { credentials: "same-origin" });
  if (answer.status === 401) return location.reload();
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main[data-live]");
  if (!fresh || fresh.isEqualNode(main)) return;
  document.title = fresh.dataset.live;
  main.replaceWith(document.adoptNode(fresh));
}
setInterval(() => refresh().catch(() => {}), EVERY);
