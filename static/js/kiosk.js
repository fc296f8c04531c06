// Improves the tablet at the door. Who leaves half-way must not answer for the next: after a minute without a touch the
// page says so, and half a minute later begins anew. Any touch or key stays. Without it, a link does the same.
const told = document.querySelector("#bientot");
if (told) {
  let warn, leave;
  const wait = () => {
    clearTimeout(warn); clearTimeout(leave);
    told.textContent = "";
    warn = setTimeout(() => {
      told.textContent = told.dataset.words;
      leave = setTimeout(() => location.replace(told.dataset.home), 30_000);
    }, 60_000);
  };
  for (const kind of ["pointerdown", "keydown", "focusin"]) addEventListener(kind, wait);
  wait();
}

for (const form of document.querySelectorAll("form")) {
  // A second tap on its way: the server counts one all the same.
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "1";
  });
}
addEventListener("pageshow", () => { for (const form of document.forms) delete form.dataset.sent; });
