// Ateliers numériques, widgets. <div data-ateliers data-commune="23096"><a href="…">…</a></div> or
// <ateliers-numeriques commune="23096"><a href="…">…</a></ateliers-numeriques>: the link stays until the widget is there.
(() => {
  "use strict";
  const site = new URL(document.currentScript.src).origin;
  const known = /^(commune|communes|epci|departement|lieu|conseiller|organisation|atelier|ou|lat|lon|zone|rayon|theme|quoi|quand|du|au|moment|niveau|public|langue|type|acces|places|tri|lang|couleur|hauteur|max)$/;
  const frames = new Map(); // frame -> how it is shown
  let count = 0;

  function load(box) {
    const query = new URLSearchParams();
    const said = { vue: "liste", titre: "" };
    for (const { name, value } of box.attributes) {
      const key = name.replace(/^data-/, "");
      if (key in said) said[key] = value;
      else if (known.test(key)) for (const each of /^(theme|moment|type)$/.test(key) ? value.split(/[\s,]+/) : [value]) query.append(key, each);
    }
    const id = `a${count += 1}`;
    const frame = document.createElement("iframe");
    const rest = [...box.childNodes];
    frame.title = said.titre || box.textContent.trim() || "Ateliers numériques";
    frame.referrerPolicy = "strict-origin";
    frame.src = `${site}/embed/v1/${encodeURIComponent(said.vue)}?${query}#id=${id}`;
    box.style.cssText += "display:block;position:relative";
    frame.style.cssText = "position:absolute;visibility:hidden;inset:0 0 auto;width:100%;height:400px;border:0";
    const late = setTimeout(() => { forget(frame); }, 15000); // our server does not answer: the link remains
    frames.set(frame, (given, height) => {
      if (given !== id) return;
      clearTimeout(late);
      for (const each of rest) each.nodeType === 1 ? each.hidden = true : each.nodeType === 3 && each.remove();
      frame.style.cssText = `display:block;width:100%;height:${height}px;border:0`;
    });
    box.append(frame);
  }

  function forget(frame) {
    frames.delete(frame);
    frame.remove();
  }

  addEventListener("message", ({ origin, source, data }) => {
    if (origin !== site || data?.type !== "ateliers:height" || data.v !== 1 || !Number.isFinite(data.height)) return;
    for (const [frame, show] of frames) {
      if (frame.contentWindow === source) show(data.id, Math.min(2000, Math.max(200, data.height)));
    }
  });

  const near = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      load(target);
    }
  }, { rootMargin: "600px" });

  const find = () => {
    for (const box of document.querySelectorAll('[data-ateliers=""]')) {
      box.dataset.ateliers = "1";
      near.observe(box);
    }
  };
  find();
  document.addEventListener("DOMContentLoaded", find);

  customElements.get("ateliers-numeriques") || customElements.define("ateliers-numeriques", class extends HTMLElement {
    connectedCallback() {
      near.observe(this);
    }

    disconnectedCallback() {
      near.unobserve(this);
      for (const frame of frames.keys()) if (this.contains(frame)) forget(frame);
    }
  });
})();
