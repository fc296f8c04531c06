// Taps made without network: a booking's number, the answer and when, nothing of the person. Kept by the browser
// (IndexedDB) until they are sent, so that closing the page loses none; signing out clears them.

const STORE = "taps";

function open() {
  return new Promise((done, failed) => {
    const asked = indexedDB.open("desk", 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore(STORE, { keyPath: ["form", "inscrit"] });
    asked.onsuccess = () => done(asked.result);
    asked.onerror = () => failed(asked.error);
  });
}

async function run(mode, act) {
  const base = await open();
  try {
    return await new Promise((done, failed) => {
      const asked = act(base.transaction(STORE, mode).objectStore(STORE));
      asked.onsuccess = () => done(asked.result);
      asked.onerror = () => failed(asked.error);
    });
  } finally {
    base.close();
  }
}

// The last tap on a person is the one that counts.
export const keep = (tap) => run("readwrite", (store) => store.put(tap));
export const drop = (tap) => run("readwrite", (store) => store.delete([tap.form, tap.inscrit]));
export const all = async (form) => (await run("readonly", (store) => store.getAll())).filter((tap) => tap.form === form);
