// Improves the register: a tap is sent from where one is, and its row changes in place. Without it, each tap is a page.

const said = document.querySelector("#dit");
const counts = document.querySelector("#comptes");

document.addEventListener("submit", async (event) => {
  const form = event.target.closest("form[data-mark]");
  if (!form || !event.submitter) return;
  event.preventDefault();
  if (form.dataset.sent) return; // the row is replaced by the answer: a second tap waits for it
  form.dataset.sent = "1";
  form.setAttribute("aria-busy", "true");
  const body = new URLSearchParams(new FormData(form, event.submitter));
  try {
    const answer = await fetch(form.action, { method: "POST", body, headers: { Accept: "application/json" } });
    if (!answer.headers.get("content-type")?.startsWith("application/json")) {
      location.reload(); // signed out meanwhile, or refused: the page says it better
      return;
    }
    show(await answer.json(), event.submitter.value);
  } catch {
    said.textContent = said.dataset.failed;
  } finally {
    delete form.dataset.sent;
    form.removeAttribute("aria-busy");
  }
});

// What the server drew, instead of what was there; the finger, or the keyboard, stays where it was.
function show(parts, state) {
  const old = document.getElementById(parts.id);
  const held = old.contains(document.activeElement);
  const drawn = new DOMParser().parseFromString(parts.row, "text/html").body.firstElementChild;
  old.replaceWith(drawn);
  if (held) (drawn.querySelector(`button[value="${state || "present"}"]`) ?? drawn).focus({ preventScroll: true });
  counts.textContent = text(parts.counts);
  said.textContent = text(parts.said);
}

function text(html) {
  return new DOMParser().parseFromString(html, "text/html").body.textContent.replace(/\s+/g, " ").trim();
}
