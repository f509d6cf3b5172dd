"use strict";
// Asks for the page again every few seconds and puts its parts in place of the old ones. Focus, open details, selection and scroll stay.
(() => {
  const every = 5000, patience = 10000;
  const lost = document.getElementById("lost");

  function selecting() {
    const selection = document.getSelection();
    return selection !== null && !selection.isCollapsed;
  }

  function replace(part, fresh) {
    for (const details of part.querySelectorAll("details[open]")) {
      const its = fresh.querySelector("#" + CSS.escape(details.id));
      if (its) its.open = true;
    }
    if (part.innerHTML === fresh.innerHTML) return; // so a screen reader reads the state once
    const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
    part.replaceChildren(...fresh.childNodes);
    const again = focused && document.getElementById(focused);
    if (again) again.focus({ preventScroll: true });
  }

  // The origin is named, because fetch refuses an address that has a user and a password in it, as the first one may have.
  async function refresh() {
    if (document.hidden || selecting()) return;
    try {
      const response = await fetch(location.origin + location.pathname, { cache: "no-store", signal: AbortSignal.timeout(patience) });
      if (!response.ok) throw new Error("status " + response.status);
      const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
      for (const part of document.querySelectorAll("[data-part]")) {
        const its = fresh.getElementById(part.id);
        if (its) replace(part, its);
      }
      for (const box of document.querySelectorAll("[data-class]")) {
        const its = fresh.getElementById(box.id);
        if (its) box.className = its.className;
      }
      lost.hidden = true;
    } catch {
      if (lost.hidden) {
        lost.textContent = "This sink has not answered since " + new Date().toLocaleTimeString() + ". What you see is from before; the page keeps asking.";
        lost.hidden = false;
      }
    }
  }

  async function again() {
    await refresh();
    setTimeout(again, every);
  }
  setTimeout(again, 1000); // what PostgreSQL holds was perhaps not read yet
  document.addEventListener("visibilitychange", refresh);
})();
