// Where photos come from: chosen, dropped, pasted, taken with the camera, or the sample.

const $ = (id) => document.getElementById(id);

let stream = null;

// What was dropped: files, and folders with all that is in them.
async function filesOf(entry) {
  if (entry.isFile) return [await new Promise((done, fail) => entry.file(done, fail))];
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((done, fail) => reader.readEntries(done, fail)); // 100 at a time
    if (!some.length) return found;
    for (const one of some) found.push(...(await filesOf(one)));
  }
}

async function dropped(transfer, add) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return add(transfer.files);
  const files = (await Promise.all(entries.map(filesOf))).flat();
  return add(files, { folder: true });
}

async function openCamera(say) {
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user" } });
  } catch {
    say("The camera cannot be used: it is absent, not allowed, or the page was not opened as localhost.");
    return;
  }
  $("video").srcObject = stream;
  $("camera").showModal();
}

function shoot(add) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [$("video").videoWidth, $("video").videoHeight];
  canvas.getContext("2d").drawImage($("video"), 0, 0);
  canvas.toBlob((blob) => add([new File([blob], "camera.jpg")]), "image/jpeg", 0.95);
  $("camera").close();
}

async function sample(add) {
  const answer = await fetch("/static/sample.png");
  add([new File([await answer.blob()], "astronaut.png")]);
}

/** `add(files, {folder})` gets what comes; `say(error)` is told what does not. */
export function listenForFiles(add, say) {
  const on = (id, event, act) => $(id).addEventListener(event, act);
  on("files", "change", ({ target }) => { add(target.files); target.value = ""; });
  on("folder", "change", ({ target }) => { add(target.files, { folder: true }); target.value = ""; });
  on("sample", "click", () => sample(add));
  on("camera-open", "click", () => openCamera(say));
  on("shoot", "click", () => shoot(add));
  on("camera-close", "click", () => $("camera").close());
  on("camera", "close", () => stream?.getTracks().forEach((track) => track.stop()));
  document.addEventListener("paste", ({ clipboardData }) => { if (clipboardData.files.length) add(clipboardData.files); });
  document.addEventListener("dragover", (event) => { event.preventDefault(); document.body.classList.add("dragging"); });
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) document.body.classList.remove("dragging"); });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dragging");
    dropped(event.dataTransfer, add);
  });
}
