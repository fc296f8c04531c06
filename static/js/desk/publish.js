// Improves the session's form: only the fields of the choice made are shown; a room brings its number of places.

const form = document.querySelector("form.form");

for (const part of form.querySelectorAll("[data-if], [data-unless]")) {
  const [name, list] = (part.dataset.if ?? part.dataset.unless).split("=");
  const values = list.split(",");
  const update = () => {
    const chosen = values.includes(form.elements[name].value);
    part.hidden = part.dataset.if ? !chosen : chosen;
  };
  for (const radio of form.querySelectorAll(`[name="${name}"]`)) radio.addEventListener("change", update);
  update();
}

const places = form.elements.places;
let typed = false;
places.addEventListener("input", () => { typed = true; });
form.elements.lieu.addEventListener("change", () => {
  const usual = form.elements.lieu.selectedOptions[0]?.dataset.places;
  if (usual && !typed) places.value = usual;
});
