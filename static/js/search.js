// Improves the search form: suggestions as one types (W3C APG combobox, list with manual selection) and "around me".
// Without it the form sends the raw text and the server finds the place.

const input = document.querySelector("[data-suggest]");
if (input) {
  const list = Object.assign(document.createElement("ul"), { id: "suggestions", hidden: true });
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", input.dataset.label);
  const status = Object.assign(document.createElement("span"), { className: "hidden" });
  status.setAttribute("role", "status");
  input.after(list, status);
  for (const [name, value] of Object.entries({
    role: "combobox", "aria-autocomplete": "list", "aria-controls": list.id, "aria-expanded": "false",
  })) input.setAttribute(name, value);

  let items = [];
  let active = -1;
  let asked = null;
  let timer = 0;
  let speak = 0;

  const close = () => {
    clearTimeout(timer);
    asked?.abort();
    list.hidden = true;
    active = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  };
  const mark = (index) => {
    active = index;
    [...list.children].forEach((option, n) => option.setAttribute("aria-selected", String(n === index)));
    if (index < 0) return input.removeAttribute("aria-activedescendant");
    input.setAttribute("aria-activedescendant", `suggestion-${index}`);
    list.children[index].scrollIntoView({ block: "nearest" });
  };
  const choose = (item) => {
    close();
    if (item.kind === "venue") return location.assign(`${input.form.getAttribute("action").replace(/\/ateliers$/, "")}/lieux/${item.code}`);
    input.value = item.label;
  };
  const show = (found) => {
    items = found;
    list.replaceChildren(...found.map((item, n) => {
      const option = Object.assign(document.createElement("li"), { id: `suggestion-${n}` });
      option.setAttribute("role", "option");
      option.setAttribute("aria-selected", "false");
      option.append(item.label);
      if (item.detail) option.append(Object.assign(document.createElement("small"), { textContent: item.detail }));
      option.addEventListener("mousedown", (event) => { event.preventDefault(); choose(item); });
      return option;
    }));
    active = -1;
    list.hidden = !found.length;
    input.setAttribute("aria-expanded", String(found.length > 0));
    clearTimeout(speak);
    speak = setTimeout(() => {
      const { none, one, many } = input.dataset;
      status.textContent = found.length === 0 ? none : found.length === 1 ? one : many.replace("{n}", found.length);
    }, 1000);
  };
  const ask = async () => {
    const text = input.value.trim();
    asked?.abort();
    if (!text) return close();
    asked = new AbortController();
    try {
      const answer = await fetch(`${input.dataset.suggest}?q=${encodeURIComponent(text)}`, { signal: asked.signal });
      if (answer.ok) show((await answer.json()).suggestions);
    } catch (error) {
      if (error.name !== "AbortError") close();
    }
  };

  input.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(ask, 150); });
  // With what is still on its way: a list that opens behind one's back would cover the button.
  input.addEventListener("blur", () => { clearTimeout(timer); asked?.abort(); close(); });
  input.addEventListener("keydown", (event) => {
    const open = !list.hidden;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (!open) return void ask();
      if (event.altKey) return;
      const step = event.key === "ArrowDown" ? 1 : -1;
      mark((active + step + items.length + (active < 0 && step < 0 ? 1 : 0)) % items.length);
    } else if (event.key === "Enter" && open && active >= 0) {
      event.preventDefault();
      choose(items[active]);
    } else if (event.key === "Escape") {
      if (open) { event.preventDefault(); close(); } else input.value = "";
    }
  });

  const hint = document.querySelector("[data-near]");
  if (hint && "geolocation" in navigator) {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "near", textContent: hint.dataset.near });
    hint.after(button);
    button.addEventListener("click", () => navigator.geolocation.getCurrentPosition(
      ({ coords }) => {
        const query = new URLSearchParams(new FormData(input.form));
        query.delete("ou");
        // Two decimals are about a kilometre: enough to search, and nobody's doorstep.
        query.set("lat", coords.latitude.toFixed(2));
        query.set("lon", coords.longitude.toFixed(2));
        location.assign(`${input.form.getAttribute("action")}?${query}`);
      },
      () => { hint.textContent = hint.dataset.denied; hint.setAttribute("role", "alert"); },
      { maximumAge: 600000, timeout: 10000 },
    ));
  }
}
