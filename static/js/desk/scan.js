// Reads tickets with the camera: by the browser's own detector where there is one, else by the package `qr`.
// Without it, or without a camera, the reference is typed into the form below.

const box = document.querySelector("#camera");
const video = box.querySelector("video");
const button = box.querySelector("button");
const said = document.querySelector("#dit");
const form = document.querySelector("#billet-forme");
const EVERY = 200; // ms between two looks: a phone of some years has time for one
const AGAIN = 3000; // ms before the same ticket counts as another
let stream = null;
let detector = null;
let last = { text: "", at: 0 };

box.hidden = !navigator.mediaDevices?.getUserMedia;
button.addEventListener("click", () => (stream ? stop() : start()));
addEventListener("pagehide", stop);
document.addEventListener("visibilitychange", () => { if (document.hidden) stop(); });

async function start() {
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" }, audio: false });
  } catch {
    complain(box.dataset.refused);
    return;
  }
  video.srcObject = stream;
  video.hidden = false;
  await video.play();
  button.textContent = box.dataset.off;
  detector ??= await reader();
  look(stream);
}

function stop() {
  for (const track of stream?.getTracks() ?? []) track.stop();
  stream = null;
  video.srcObject = null;
  video.hidden = true;
  button.textContent = box.dataset.on;
}

async function reader() {
  if ("BarcodeDetector" in window) {
    const formats = await BarcodeDetector.getSupportedFormats().catch(() => []);
    if (formats.includes("qr_code")) return new BarcodeDetector({ formats: ["qr_code"] });
  }
  const canvas = document.createElement("canvas");
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  const { decodeQR } = await import(box.dataset.reader);
  return {
    detect: async (source) => {
      const scale = Math.min(1, 640 / Math.max(source.videoWidth, source.videoHeight)); // more pixels only take longer
      canvas.width = source.videoWidth * scale;
      canvas.height = source.videoHeight * scale;
      pen.drawImage(source, 0, 0, canvas.width, canvas.height);
      try {
        return [{ rawValue: decodeQR(pen.getImageData(0, 0, canvas.width, canvas.height)) }];
      } catch {
        return []; // no code in this picture
      }
    },
  };
}

async function look(mine) {
  while (stream === mine) {
    const found = video.readyState >= 2 ? await detector.detect(video).catch(() => []) : [];
    if (found.length) await send(found[0].rawValue);
    await new Promise((done) => setTimeout(done, EVERY));
  }
}

async function send(text) {
  if (text === last.text && Date.now() - last.at < AGAIN) {
    last.at = Date.now(); // still the same paper before the camera
    return;
  }
  last = { text, at: Date.now() };
  try {
    const body = new URLSearchParams({ billet: text });
    const answer = await fetch(form.action, { method: "POST", body, headers: { Accept: "application/json" } });
    if (!answer.headers.get("content-type")?.startsWith("application/json")) {
      location.reload(); // signed out meanwhile
      return;
    }
    const { said: html, good } = await answer.json();
    said.replaceChildren(...new DOMParser().parseFromString(html, "text/html").body.childNodes);
    navigator.vibrate?.(good ? 80 : [80, 80, 80]);
  } catch {
    last = { text: "", at: 0 };
    complain(box.dataset.failed);
  }
}

function complain(text) {
  const notice = document.createElement("div");
  notice.className = "notice stop";
  const line = document.createElement("p");
  line.textContent = text;
  notice.append(line);
  said.replaceChildren(notice);
}
