// Improves the booking pages: only the fields of the choice made are shown; a button prints the ticket.
// Without it every field is shown, and its hint says when it is needed.

for (const part of document.querySelectorAll("[data-if]")) {
  const [, name, not, value] = part.dataset.if.match(/^(\w+)(!?)=(.*)$/);
  const form = part.closest("form");
  const update = () => { part.hidden = (form.elements[name].value === value) === Boolean(not); };
  for (const radio of form.querySelectorAll(`[name="${name}"]`)) radio.addEventListener("change", update);
  update();
}

for (const form of document.querySelectorAll("form[method=post]")) {
  // A second tap while the first is on its way: the server books once all the same, this only spares a wait.
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "1";
  });
}
addEventListener("pageshow", () => { for (const form of document.forms) delete form.dataset.sent; });

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}
