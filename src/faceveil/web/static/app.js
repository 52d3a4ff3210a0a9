import { makeZip, safeName } from "./zip.js";

const $ = (id) => document.getElementById(id);
const SUFFIX = { "image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp", "image/bmp": ".bmp", "image/tiff": ".tif", "image/heic": ".heic", "image/avif": ".avif" };
const PHOTO = /\.(jpe?g|png|webp|bmp|tiff?|hei[cf]|hif|avif)$/i;

const photos = []; // {name, file, url, faces, chosen, result, made, checked, error, hopeless}
let current = null;
let methods = {};
let limits = null;
let version = 0; // of the options; a result made with an earlier one is out of date
let sliding = false;
let running = false;
let token = new URLSearchParams(location.hash.slice(1)).get("token");
if (token) history.replaceState(null, "", location.pathname); // not left in the address bar

// ---- The server ------------------------------------------------------------------------------

const pause = (seconds) => new Promise((done) => setTimeout(done, 1000 * seconds));

async function call(path, form) {
  for (;;) {
    const headers = token ? { Authorization: `Bearer ${token}` } : {};
    let answer;
    try {
      answer = await fetch(`/api/v1/${path}`, { method: form ? "POST" : "GET", body: form, headers });
    } catch {
      throw new Error("The server does not answer. Is it still running?");
    }
    if (answer.ok) return answer.json();
    if (answer.status === 429) {
      await pause(Number(answer.headers.get("Retry-After")) || 2);
    } else if (answer.status === 401) {
      await askToken();
    } else {
      const problem = await answer.json().catch(() => ({}));
      const error = new Error(problem.message || `The server answered ${answer.status}.`);
      throw Object.assign(error, { final: answer.status < 500 });
    }
  }
}

function askToken() {
  return new Promise((done) => {
    $("token").value = "";
    $("login-note").textContent = token ? "That token was not accepted." : "";
    $("login").showModal();
    $("login").addEventListener("close", () => { token = $("token").value.trim(); done(); }, { once: true });
  });
}

function formOf(photo, fields = {}) {
  const form = new FormData();
  form.append("photo", photo.file, "photo"); // the name stays here: the server needs none
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  return form;
}

// ---- The work: one photo after another, the one that is looked at first -----------------------

const wanted = (photo) => `${version}/${[...photo.chosen].sort()}`;

function needs(photo) {
  if (photo.error) return false;
  if (!photo.faces) return true;
  if (!photo.chosen.size) return false;
  if (sliding) return photo === current && photo.made !== wanted(photo);
  return photo.checked !== wanted(photo);
}

async function pump() {
  if (running) return;
  running = true;
  for (;;) {
    const photo = [current, ...photos].find((one) => one && needs(one));
    if (!photo) break;
    if (photo === current) $("busy").hidden = false;
    try {
      if (!photo.faces) await detect(photo);
      else await protect(photo);
    } catch (error) {
      photo.error = error.message;
      photo.hopeless = !photo.faces && error.final; // no option makes it a photo
      if (photo === current) say(error.message);
    }
    draw(photo);
  }
  running = false;
  $("busy").hidden = true;
  if (photos.length > 1) $("status").textContent = summary(); // of one photo its note says it
}

async function detect(photo) {
  const found = await call("detect", formOf(photo));
  Object.assign(photo, { faces: found.faces, size: [found.width, found.height] });
  photo.chosen = new Set(found.faces.map((face) => face.number));
  if (!found.faces.length) Object.assign(photo, { error: "No face was found in this photo.", hopeless: true });
}

async function protect(photo) {
  const asked = wanted(photo);
  const check = !sliding;
  const faces = photo.chosen.size === photo.faces.length ? "all" : [...photo.chosen].sort((a, b) => a - b).join();
  const done = await call("protect", formOf(photo, { ...options(), faces, answer: "json", check }));
  const bytes = toBlob(done.image, done.media_type);
  if (photo.result) URL.revokeObjectURL(photo.result.url);
  photo.result = { ...done, image: null, blob: bytes, url: URL.createObjectURL(bytes) };
  photo.made = asked;
  if (check) photo.checked = asked;
}

function toBlob(base64, type) {
  return new Blob([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], { type });
}

function options() {
  const fields = { method: $("method").value, strength: $("strength").value, gender: $("gender").value };
  if ($("target").value && !$("target").disabled) fields.target = $("target").value;
  if (!$("hide").hidden) fields.hide = hidden().join();
  return fields;
}

const hidden = () => [...$("hide-boxes").querySelectorAll("input:checked")].map((box) => box.value);

function changed() {
  version += 1;
  for (const photo of photos) if (!photo.hopeless) photo.error = null; // may go well now
  say(null);
  pump();
}

// ---- What is seen ------------------------------------------------------------------------------

function say(error, status) {
  $("error").hidden = !error;
  $("error").textContent = error || "";
  if (status !== undefined) $("status").textContent = status;
}

function outcome(photo) {
  if (photo.error) return ["failed", "bad"];
  if (photo.faces && !photo.chosen.size) return ["no face chosen", ""];
  if (!photo.faces || photo.checked !== wanted(photo)) return ["waiting", ""];
  return photo.result.check.passed ? ["worked", "good"] : ["did not work", "bad"];
}

function summary() {
  const count = (word) => photos.filter((photo) => outcome(photo)[0] === word).length;
  return `${photos.length} photos: ${count("worked")} worked, ${count("did not work")} did not work, ${count("failed")} failed.`;
}

function draw(photo) {
  const done = photos.filter((one) => !needs(one)).length;
  $("progress-row").hidden = done === photos.length;
  $("progress").max = photos.length;
  $("progress").value = done;
  $("progress-text").textContent = `${done} of ${photos.length} photos done`;
  drawEntry(photo);
  if (photo === current) drawCurrent();
  const ready = photos.filter((one) => one.result && one.checked === wanted(one));
  $("save-all").hidden = $("clear").hidden = photos.length < 2;
  $("save-all").disabled = !ready.length || done < photos.length;
}

function drawEntry(photo) {
  const [word, kind] = outcome(photo);
  const state = photo.entry.querySelector(".state");
  state.textContent = word;
  state.className = `state ${kind}`;
  photo.entry.querySelector("button").setAttribute("aria-current", photo === current);
}

function drawCurrent() {
  const photo = current;
  if (!photo) return;
  $("view-title").textContent = photo.name;
  if ($("before").src !== photo.url) $("before").src = photo.url;
  $("stage").hidden = $("compare").hidden = Boolean(photo.unseen);
  const shown = photo.chosen.size && !photo.error ? photo.result : null;
  $("after").hidden = $("divider").hidden = !shown;
  if (shown) $("after").src = shown.url;
  $("frame").classList.toggle("compared", Boolean(shown));
  $("save").disabled = !shown || photo.made !== wanted(photo);
  $("note").textContent = noteOf(photo);
  if (photo.error) say(`${photo.name}: ${photo.error}`);
  drawBoxes(photo);
  drawCards(photo);
}

function noteOf(photo) {
  if (photo.unseen && !photo.error) return "This browser cannot show the file; protecting and downloading work all the same.";
  if (!photo.faces || photo.error) return "";
  if (!photo.chosen.size) return "No face is chosen: this photo stays as it is.";
  const count = photo.faces.length;
  const word = outcome(photo)[0];
  if (count === 1) return `1 face: ${word}.`;
  return `${photo.chosen.size} of ${count} faces chosen: ${word}. Click a box to leave a face out or take it in.`;
}

function drawBoxes(photo) {
  const boxes = $("boxes");
  const faces = photo.faces || [];
  const same = boxes.photo === photo && boxes.children.length === faces.length;
  if (!same) boxes.replaceChildren(...faces.map((face) => faceBox(photo, face)));
  boxes.photo = photo;
  faces.forEach((face, i) => boxes.children[i].setAttribute("aria-pressed", photo.chosen.has(face.number)));
}

function faceBox(photo, face) {
  const button = document.createElement("button");
  button.type = "button";
  button.setAttribute("aria-label", `Protect face ${face.number + 1}`);
  const label = document.createElement("span");
  label.textContent = face.number + 1;
  button.append(label);
  const [x0, y0, x1, y1] = face.box;
  const [width, height] = photo.size;
  const place = { left: x0 / width, top: y0 / height, width: (x1 - x0) / width, height: (y1 - y0) / height };
  for (const [side, share] of Object.entries(place)) button.style[side] = `${100 * share}%`;
  button.addEventListener("click", () => {
    if (!photo.chosen.delete(face.number)) photo.chosen.add(face.number);
    draw(photo);
    pump();
  });
  return button;
}

function element(tag, kind, text) {
  const made = document.createElement(tag);
  made.className = kind;
  made.textContent = text ?? "";
  return made;
}

function drawCards(photo) {
  const check = photo.result?.check;
  if (photo.error || !photo.faces || !photo.chosen.size) {
    $("cards").replaceChildren(element("p", "", photo.faces || photo.error ? "Nothing to check." : "Looking for faces …"));
  } else if (!check || photo.checked !== wanted(photo)) {
    if (!sliding) $("cards").replaceChildren(element("p", "", "Checking …"));
  } else {
    const cards = check.faces.map((face) => card(face, numberOf(photo, face)));
    $("cards").replaceChildren(...cards, element("p", "small", `Asked: ${check.asked}.`));
  }
}

// The check names a face by its box alone.
const numberOf = (photo, { box }) => photo.faces.findIndex((face) => Math.abs(face.box[0] - box[0]) + Math.abs(face.box[1] - box[1]) < 1);

function card(face, number) {
  const item = element("div", "face");
  item.append(element("h3", face.passed ? "good" : "bad", `Face ${number + 1}: ${face.label}`), element("p", "small", face.verdict));
  const bars = element("div", "bars");
  bars.append(element("b", "", "How male it reads (green: cannot tell)"));
  const [low, high] = face.undecided;
  addBar(bars, "before", face.p_male_before, "zone", low, high - low);
  addBar(bars, "after", face.p_male_after, "zone", low, high - low);
  bars.append(element("b", "", "How alike the matcher finds both (line: enough)"));
  addBar(bars, "after", face.similarity, "need", face.threshold);
  bars.lastChild.textContent = face.similarity.toFixed(2); // a cosine is no percentage
  item.append(bars);
  return item;
}

function addBar(bars, label, value, mark, at, width) {
  const bar = element("div", "bar");
  bar.setAttribute("aria-hidden", "true"); // the figure beside it says the same
  const fill = element("i", "fill");
  fill.style.width = `${100 * Math.max(0, value)}%`;
  const sign = element("i", mark);
  sign.style.left = `${100 * at}%`;
  if (width) sign.style.width = `${100 * width}%`;
  bar.append(fill, sign);
  bars.append(element("span", "", label), bar, element("span", "number", `${Math.round(100 * value)} %`));
}

// ---- Photos come and go ------------------------------------------------------------------------

function addPhotos(files, { folder = false } = {}) {
  const images = [...files].filter((file) => !folder || (PHOTO.test(file.name) && !file.name.startsWith(".")));
  const large = limits ? images.filter((file) => file.size > limits.photo_bytes) : [];
  for (const file of images.filter((one) => !large.includes(one))) {
    const photo = { name: file.name || "pasted photo", file, url: URL.createObjectURL(file), chosen: new Set() };
    photo.entry = entryOf(photo);
    photos.push(photo);
    $("list").append(photo.entry);
  }
  if (large.length) say(`${large[0].name}: larger than ${Math.round(limits.photo_bytes / 2 ** 20)} MB; shrink it first`);
  else if (!images.length) say("No photos there; expected JPEG, PNG, WebP, BMP, TIFF, HEIC or AVIF.");
  else say(null, `${images.length} added.`);
  refresh();
  pump();
}

function entryOf(photo) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  button.type = "button";
  const image = document.createElement("img");
  Object.assign(image, { src: photo.url, alt: "", decoding: "async" });
  image.addEventListener("error", () => image.replaceWith(element("i", "blank")));
  button.append(image, element("span", "name", photo.name), element("span", "state", "waiting"));
  button.addEventListener("click", () => { current = photo; say(null); refresh(); pump(); });
  item.append(button);
  return item;
}

function refresh() {
  if (!photos.includes(current)) current = photos[0] ?? null;
  document.body.classList.toggle("has-photos", photos.length > 0);
  $("work").hidden = !photos.length;
  $("photos").hidden = photos.length < 2;
  $("busy").hidden = !running;
  for (const photo of photos) drawEntry(photo);
  if (current) draw(current);
}

function removePhotos(gone) {
  for (const photo of gone) {
    URL.revokeObjectURL(photo.url);
    if (photo.result) URL.revokeObjectURL(photo.result.url);
    photo.entry.remove();
    photos.splice(photos.indexOf(photo), 1);
  }
  say(null, "Removed.");
  refresh();
  (photos.length ? $("view-title") : $("files")).focus?.();
}

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

const nameOf = (photo, taken) => safeName(`${photo.name.replace(/\.[A-Za-z]{3,4}$/, "")}-protected`, SUFFIX[photo.result.media_type], taken);

async function saveAll() {
  const taken = new Set();
  const ready = photos.filter((photo) => photo.result && photo.checked === wanted(photo));
  save(await makeZip(ready.map((photo) => ({ name: nameOf(photo, taken), blob: photo.result.blob }))), "protected.zip");
}

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

async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return addPhotos(transfer.files);
  const files = (await Promise.all(entries.map(filesOf))).flat();
  return addPhotos(files, { folder: true });
}

// ---- The camera --------------------------------------------------------------------------------

let stream = null;

async function openCamera() {
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user" } });
  } catch {
    say("The camera cannot be used: it is absent, not allowed, or the page was not opened as localhost.");
    return;
  }
  $("video").srcObject = stream;
  $("camera").showModal();
}

function shoot() {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [$("video").videoWidth, $("video").videoHeight];
  canvas.getContext("2d").drawImage($("video"), 0, 0);
  canvas.toBlob((blob) => addPhotos([new File([blob], "camera.jpg")]), "image/jpeg", 0.95);
  $("camera").close();
}

// ---- What the user does --------------------------------------------------------------------------

function chooseMethod() {
  const method = methods[$("method").value];
  $("method-line").textContent = method.description;
  $("strength").value = method.strength;
  $("strength-out").textContent = `${Math.round(100 * method.strength)} %`;
  $("target").disabled = !method.targets;
  $("hide").hidden = !method.hides.length;
  $("hide-boxes").replaceChildren(...method.hides.map((what) => {
    const label = element("label", "");
    const box = document.createElement("input");
    Object.assign(box, { type: "checkbox", value: what, checked: what === "gender" });
    label.append(box, what);
    return label;
  }));
}

let timer = 0;

function slide() {
  $("strength-out").textContent = `${Math.round(100 * $("strength").value)} %`;
  if (methods[$("method").value].slow) return; // no preview: it waits for the slider to rest
  sliding = true;
  timer ||= setTimeout(() => { timer = 0; changed(); }, 120);
}

function rest() {
  clearTimeout(timer);
  timer = 0;
  sliding = false;
  changed();
}

function listen() {
  $("files").addEventListener("change", ({ target }) => { addPhotos(target.files); target.value = ""; });
  $("folder").addEventListener("change", ({ target }) => { addPhotos(target.files, { folder: true }); target.value = ""; });
  $("camera-open").addEventListener("click", openCamera);
  $("shoot").addEventListener("click", shoot);
  $("camera-close").addEventListener("click", () => $("camera").close());
  $("camera").addEventListener("close", () => stream?.getTracks().forEach((track) => track.stop()));
  $("method").addEventListener("change", () => { chooseMethod(); changed(); });
  for (const id of ["gender", "target"]) $(id).addEventListener("change", changed);
  $("hide").addEventListener("change", ({ target }) => {
    if (!hidden().length) target.checked = true; // something must be hidden
    changed();
  });
  $("strength").addEventListener("input", slide);
  $("strength").addEventListener("change", rest);
  $("split").addEventListener("input", compare);
  $("remove").addEventListener("click", () => removePhotos([current]));
  $("clear").addEventListener("click", () => removePhotos([...photos]));
  $("save").addEventListener("click", () => save(current.result.blob, nameOf(current, new Set())));
  $("save-all").addEventListener("click", saveAll);
  $("controls").addEventListener("submit", (event) => event.preventDefault());
  $("before").addEventListener("error", () => {
    current.unseen = true; // a TIFF, or no photo at all: the server says which
    drawCurrent();
  });
  document.addEventListener("paste", ({ clipboardData }) => { if (clipboardData.files.length) addPhotos(clipboardData.files); });
  document.addEventListener("dragover", (event) => { event.preventDefault(); document.body.classList.add("dragging"); });
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) document.body.classList.remove("dragging"); });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dragging");
    dropped(event.dataTransfer);
  });
}

function compare() {
  const share = `${$("split").value}%`;
  $("after").style.clipPath = `inset(0 0 0 ${share})`;
  $("divider").style.left = share;
}

async function start() {
  listen();
  compare();
  try {
    const known = await call("models");
    limits = known.limits;
    methods = Object.fromEntries(known.methods.map((method) => [method.name, method]));
    const usable = known.methods.filter((method) => method.installed);
    $("method").replaceChildren(...usable.map(({ name }) => new Option(name, name, name === known.default, name === known.default)));
    chooseMethod();
  } catch (error) {
    say(error.message);
  }
}

start();
