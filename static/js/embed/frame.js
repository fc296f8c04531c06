// In a widget: tells the page around how high the document is (ours: loader.js; WordPress: wp-embed.js), and WordPress,
// whose sandbox opens no window, where a link leads. Says nothing else, and keeps nothing.
(() => {
  if (window.parent === window) return;
  const said = new URLSearchParams(location.hash.slice(1)); // "#id=a1", or WordPress's "#?secret=Qw3rTy"
  const id = said.get("id");
  let secret = said.get("secret");
  let told;

  // Without the height that fills the frame: the content's own, or it would never shrink.
  function height() {
    const root = document.documentElement;
    root.classList.add("is-measured");
    const found = Math.ceil(document.body.getBoundingClientRect().height);
    root.classList.remove("is-measured");
    return Math.max(found, Number(document.body.dataset.height) || 0);
  }

  // To whoever frames us: a height is no secret, and a sandboxed frame does not know its parent's origin.
  function tell() {
    const now = height();
    if (now === told) return;
    told = now;
    parent.postMessage({ type: "ateliers:height", v: 1, id, height: now }, "*");
    if (secret) parent.postMessage({ message: "height", value: now, secret }, "*");
  }

  function inWordPress() {
    for (const away of document.querySelectorAll(".away")) away.remove();
    for (const link of document.querySelectorAll("a[target]")) link.removeAttribute("target");
  }

  addEventListener("message", ({ source, data }) => {
    if (source !== parent || data?.message !== "ready" || !/^[a-zA-Z0-9]{1,64}$/.test(data.secret)) return;
    secret = data.secret;
    told = undefined;
    inWordPress();
    tell();
  });
  addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href]");
    if (!secret || !link || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (link.getAttribute("href").startsWith("#")) return;
    event.preventDefault();
    parent.postMessage({ message: "link", value: link.href, secret }, "*");
  });
  if (secret) inWordPress();
  new ResizeObserver(tell).observe(document.body);
  tell();
})();
