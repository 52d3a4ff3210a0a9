import { listenForFiles } from "./intake.js";
import { added, placeOf, placesOf, removed, replaced, sentOf, spanned } from "./places.js";
import { call, formOf, pictureOf } from "./server.js";
import { Viewer } from "./viewer.js";
import { band, faceWords, isText, leftWords, outcomeOf, reads, readsAsBefore, reasonOf } from "./words.js";
import { makeZip, safeName } from "./zip.js";

const $ = (id) => document.getElementById(id);
const SUFFIX = { "image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp", "image/bmp": ".bmp", "image/tiff": ".tif", "image/heic": ".heic", "image/avif": ".avif" };
const PHOTO = /\.(jpe?g|png|webp|bmp|tiff?|hei[cf]|hif|avif)$/i;
const COIN = "What software says of this photo is now a coin toss that only your key knows; it may still say the truth. If this photo must not read as what it is:";

// name, file, url, options, chosen; then found (the server's answer), faces (as they are now), edited
// and size; then result, made and checked (what it was made and checked for), or error, code, at (the
// number of the box that it is about) and, where no option can help, hopeless.
const photos = [];
let current = null;
let methods = {};
let limits = null;
let presets = {}; // options by card
let defaults = null; // of the next photo
let sliding = false;
let running = null; // {photo, abort}: the call that is out
let sampling = null; // the calls for the cards' pictures

// ---- What is asked for -------------------------------------------------------------------------

const methodOf = ({ options }) => methods[options.method];
const targetOf = (photo) => (methodOf(photo).targets ? photo.options.target || methodOf(photo).own_target : null);
const asksGender = (photo) => methodOf(photo).needs_gender || ["opposite", "same"].includes(targetOf(photo));

function fieldsOf(photo) {
  const { method, strength, target, gender, hide, keep } = photo.options;
  const fields = { method, strength, keep_metadata: keep };
  if (target && methodOf(photo).targets) fields.target = target;
  if (asksGender(photo)) fields.gender = gender;
  if (methodOf(photo).hides.length) fields.hide = hide.join();
  return fields;
}

const sure = ({ faces }) => faces.filter((face) => !face.doubtful).map((face) => face.number);
const boxesOf = (photo) => (photo.edited ? JSON.stringify(sentOf(photo.faces, photo.size)) : null);
const wanted = (photo) => JSON.stringify([fieldsOf(photo), [...photo.chosen].sort((a, b) => a - b), boxesOf(photo)]);
const isDone = (photo) => Boolean(photo.result?.check) && photo.checked === wanted(photo) && !photo.error;

function needs(photo) {
  if (photo.error) return false;
  if (!photo.faces) return true;
  if (!photo.chosen.size) return false;
  if (sliding) return photo === current && photo.made !== wanted(photo);
  return photo.checked !== wanted(photo);
}

// ---- The work: the photo that is looked at first, then one after another ------------------------

async function pump() {
  if (running || !limits) return;
  sampling?.abort();
  for (;;) {
    const photo = [current, ...photos].find((one) => one && needs(one));
    if (!photo) break;
    running = { photo, abort: new AbortController() };
    draw(photo);
    try {
      if (photo.faces) await protect(photo, running.abort.signal);
      else await detect(photo, running.abort.signal);
    } catch (error) {
      if (error.name !== "AbortError") await fail(photo, error);
    }
    running = null;
    draw(photo);
  }
  if (photos.length > 1) $("status").textContent = summary(); // of one photo its note says it
  drawSamples();
}

/** What runs is for something that nobody wants any more, or for a photo that can wait. */
function interrupt() {
  if (running && !sliding) running.abort.abort();
}

async function detect(photo, signal) {
  const found = await call("detect", formOf(photo.file), signal);
  photo.found = found;
  photo.size = [found.width, found.height];
  asFound(photo);
  if (photo === current) open(photo);
}

/** The places as the server found them, whatever was done to them. */
function asFound(photo) {
  photo.faces = placesOf(photo.found);
  photo.edited = false;
  photo.chosen = new Set(sure(photo));
  if (!photo.faces.length) Object.assign(photo, { error: "No face was found in this photo.", code: "no_face", hopeless: true });
}

async function protect(photo, signal) {
  const asked = wanted(photo);
  const check = !sliding;
  const numbers = [...photo.chosen].sort((a, b) => a - b).join();
  const faces = numbers === sure(photo).join() ? "all" : numbers;
  const fields = { ...fieldsOf(photo), faces, answer: "json", check };
  if (photo.edited) fields.boxes = boxesOf(photo); // of this photo: no other call has them
  const done = await call("protect", formOf(photo.file, fields), signal);
  const blob = pictureOf(done);
  if (photo.result) URL.revokeObjectURL(photo.result.url);
  photo.result = { ...done, image: null, blob, url: URL.createObjectURL(blob) };
  photo.made = asked;
  if (check) photo.checked = asked;
}

async function fail(photo, error) {
  if (!["gone", "time_limit"].includes(error.code)) photo.hopeless = !photo.faces || !photo.faces.length;
  photo.at = photo.edited ? placeOf(error.message) : null;
  photo.error = photo.at !== null && error.code === "no_face" ? `No face was found in box ${photo.at + 1}: move it, change its size or delete it.` : error.message;
  photo.code = error.code;
  photo.text = await isText(photo.file).catch(() => false);
}

function changed(photo = current) {
  if (!photo.hopeless) photo.error = photo.code = photo.at = null; // may go well now
  say(null);
  interrupt();
  drawControls();
  draw(photo);
  pump();
}

// ---- The boxes: of the current photo -------------------------------------------------------------

/** What the hand did: places and chosen numbers in place of those that were there. */
function edit({ places, chosen }) {
  Object.assign(current, { faces: places, chosen, edited: true, hopeless: false });
  changed();
}

const own = (number) => current.faces.find((face) => face.number === number).id;

function addBox(box) {
  const next = added(current.faces, current.chosen, box);
  viewer.boxes.setMode("edit"); // to put it right
  edit(next);
  viewer.boxes.focus(next.id);
}

// With the keyboard nothing is drawn: a box comes in the middle of what is seen.
function addInTheMiddle() {
  const middle = viewer.room.map((side, i) => (side / 2 - [viewer.x, viewer.y][i]) / viewer.scale);
  const half = Math.min(...viewer.room) / viewer.scale / 6;
  const box = spanned(middle.map((v) => v - half), middle.map((v) => v + half), viewer.size);
  if (box) addBox(box);
}

// ---- What is seen ------------------------------------------------------------------------------

const viewer = new Viewer(
  Object.fromEntries(["stage", "picture", "before", "after", "divider", "split", "boxes", "zoom"].map((id) => [id, $(id)])),
  {
    toggle: (number) => {
      if (!current.chosen.delete(number)) current.chosen.add(number);
      changed();
    },
    light,
    add: addBox,
    change: (id, box) => edit(replaced(current.faces, current.chosen, id, box)),
    remove: (id) => {
      edit(removed(current.faces, current.chosen, id));
      (viewer.boxes.first() ?? $("edit-add")).focus(); // what had it is gone
    },
    mode: drawTools,
  },
);

function light(number) {
  viewer.boxes.lightUp(number);
  for (const line of [...$("faces").children, ...$("doubts").children]) line.classList.toggle("lit", line.number === number);
}

function say(error, status) {
  $("error").hidden = !error;
  $("error").textContent = error || "";
  if (status !== undefined) $("status").textContent = status;
}

function element(tag, kind, text) {
  const made = document.createElement(tag);
  made.className = kind;
  made.textContent = text ?? "";
  return made;
}

function badge(photo) {
  if (photo.error) return [reasonOf(photo), "bad"];
  if (photo.faces && !photo.chosen.size) return ["no face chosen", ""];
  if (!isDone(photo)) return [running?.photo === photo ? "working" : "waiting", ""];
  const word = outcomeOf(photo.result.check);
  return [word, word === "worked" ? "good" : "bad"];
}

function summary() {
  const counts = new Map();
  for (const photo of photos) counts.set(badge(photo)[0], (counts.get(badge(photo)[0]) || 0) + 1);
  return `${photos.length} photos: ${[...counts].map(([word, n]) => `${n} ${word}`).join(", ")}.${leftWords(photos.flatMap(doubtsOf).length)}`;
}

function draw(photo) {
  const done = photos.filter((one) => !needs(one)).length;
  $("progress-row").hidden = done === photos.length;
  $("progress").max = photos.length;
  $("progress").value = done;
  $("progress-text").textContent = `${done} of ${photos.length} done`;
  drawEntry(photo);
  if (photo === current) drawCurrent();
  drawBar();
}

function drawEntry(photo) {
  const [word, kind] = badge(photo);
  const state = photo.entry.querySelector(".state");
  state.textContent = word;
  state.className = `state ${kind}`;
  photo.entry.querySelector(".more").textContent = badgeOfDoubts(photo);
  photo.entry.querySelector("button").setAttribute("aria-current", photo === current);
}

function drawBar() {
  const ready = photos.filter(isDone);
  const many = photos.length > 1;
  const bad = ready.filter((photo) => !photo.result.check.passed).length;
  $("save-all").hidden = $("clear").hidden = $("count").hidden = !many;
  $("save-all").disabled = !ready.length || photos.some(needs);
  $("count").textContent = `${ready.length} of ${photos.length} will be downloaded${bad ? `; ${bad} of them did not work` : ""}, with a report.${leftWords(photos.flatMap(doubtsOf).length)}`;
  $("save").disabled = !current?.result || Boolean(current.error) || current.made !== wanted(current);
  $("save").textContent = many ? "Download this" : "Download";
  const [word, kind] = current ? badge(current) : ["", ""];
  $("bar-verdict").textContent = word;
  $("bar-verdict").className = kind;
}

/** The current photo comes into view: on its first face, where it is known. */
function open(photo) {
  $("view-title").textContent = photo.name;
  if ($("before").src !== photo.url) $("before").src = photo.url;
  if (photo.size) viewer.setSize(...photo.size);
  if (photo.faces?.length) viewer.focus(photo.faces[0].box);
  else viewer.fit();
}

function drawCurrent() {
  const photo = current;
  const shown = photo.chosen.size && !photo.error && !photo.unseen ? photo.result : null;
  viewer.setResult(shown?.url);
  const wrong = photo.code === "no_face" ? "no face found here" : "cannot be used";
  viewer.setFaces((photo.faces || []).map((face) => ({ ...face, chosen: photo.chosen.has(face.number), problem: photo.error && photo.at === face.number ? wrong : "" })));
  $("picture").hidden = $("tools").hidden = Boolean(photo.unseen);
  $("unseen").hidden = !photo.unseen;
  $("unseen").textContent = photo.error ? "There is nothing to show." : "This browser cannot show the file. Protecting and downloading work all the same.";
  $("stage").classList.toggle("blind", Boolean(photo.unseen));
  $("zoom-face").textContent = photo.faces?.length > 1 ? "Next face" : "The face";
  $("zoom-face").hidden = $("boxes-on").hidden = !photo.faces?.length;
  $("original").hidden = !shown;
  drawTools();
  $("busy").hidden = running?.photo !== photo;
  if (!sliding || photo.error) drawVerdict(photo);
}

function drawTools() {
  const { mode, selected } = viewer.boxes;
  const known = Boolean(current?.size && current.faces);
  $("edit-add").hidden = !known;
  $("edit-boxes").hidden = !current?.faces?.length;
  $("edit-delete").hidden = mode !== "edit" || selected === null;
  $("edit-undo").hidden = !current?.edited;
  $("edit-add").setAttribute("aria-pressed", mode === "draw");
  $("edit-boxes").setAttribute("aria-pressed", mode === "edit");
  $("stage").classList.toggle("drawing", mode === "draw");
  $("stage").classList.toggle("editing", mode === "edit");
}

// ---- The verdict -------------------------------------------------------------------------------

function drawVerdict(photo) {
  const check = isDone(photo) ? photo.result.check : null;
  $("note").textContent = noteOf(photo, check);
  $("note").className = photo.error || check?.passed === false ? "bad" : check ? "good" : "";
  const lines = check ? check.faces.map((face) => faceLine(photo, face)).sort((a, b) => a.number - b.number) : [];
  $("faces").replaceChildren(...lines);
  $("doubts").replaceChildren(...doubtsOf(photo).map((place) => doubtLine(photo, place)));
  const help = helpFor(photo, check);
  $("help").hidden = !help;
  if (help) {
    $("help-do").textContent = help.label;
    $("help-cost").textContent = help.cost;
    $("help-do").onclick = help.act;
  }
  $("asked").textContent = check?.asked ? `Asked: ${check.asked}.` : "";
  drawCoin(photo, check);
}

function noteOf(photo, check) {
  if (photo.error) return photo.text && photo.code === "bad_photo" ? "This is a text file, no photo." : photo.error;
  if (!photo.faces) return "Looking for faces …";
  if (!photo.faces.length) return "There is no box: this photo stays as it is.";
  if (!photo.chosen.size) return `No face is chosen: this photo stays as it is.${doubts(photo)}`;
  if (!check) return photo.made === wanted(photo) ? "Checking …" : "Working …";
  const count = check.faces.length;
  const bad = check.faces.filter((face) => !face.passed).length;
  const out = sure(photo).filter((number) => !photo.chosen.has(number)).length;
  const left = `${out ? ` ${out} left as ${out > 1 ? "they are" : "it is"}.` : ""}${doubts(photo)}`;
  if (bad) return `${count > 1 ? `No: it did not work on ${bad} of ${count} faces.` : "No."}${left}`;
  const same = check.faces.filter(readsAsBefore).length;
  if (!same) return `${count > 1 ? `Yes, on all ${count} faces.` : "Yes."}${left}`;
  if (count === 1) return `Yes, as your key drew: it reads as before.${left}`;
  return `Yes, on all ${count} faces; ${same} read${same > 1 ? "" : "s"} as before, as your key drew.${left}`;
}

const doubtsOf = (photo) => (photo.faces ?? []).filter((face) => face.doubtful && !photo.chosen.has(face.number));
const doubts = (photo) => leftWords(doubtsOf(photo).length);

function badgeOfDoubts(photo) {
  const count = doubtsOf(photo).length;
  return count ? `${count} may be ${count > 1 ? "faces" : "a face"}` : "";
}

function doubtLine(photo, { number, box }) {
  const line = document.createElement("li");
  line.number = number;
  const button = element("button", "");
  button.type = "button";
  button.append(element("b", "", `${number + 1} ?`), "Protect this place too");
  button.addEventListener("click", () => { photo.chosen.add(number); changed(photo); });
  for (const event of ["pointerenter", "focus"]) button.addEventListener(event, () => light(number));
  for (const event of ["pointerleave", "blur"]) button.addEventListener(event, () => light(null));
  const look = element("button", "", "Show");
  look.type = "button";
  look.setAttribute("aria-label", `Show place ${number + 1}`);
  look.addEventListener("click", () => viewer.focus(box));
  line.append(button, look);
  return line;
}

// A check's face is named by its number where the answer has one, else by its box.
function numberOf(photo, { number, box }) {
  if (number !== undefined) return number;
  const far = (face) => Math.abs(face.box[0] - box[0]) + Math.abs(face.box[1] - box[1]);
  return photo.faces.reduce((best, face) => (far(face) < far(best) ? face : best)).number;
}

function faceLine(photo, face) {
  const number = numberOf(photo, face);
  const line = document.createElement("li");
  line.number = number;
  const button = element("button", face.passed ? "good" : "bad");
  button.type = "button";
  button.append(element("b", "", number + 1), element("span", "words", faceWords(face)), scale(face));
  button.addEventListener("click", () => viewer.focus(photo.faces.find((one) => one.number === number).box));
  for (const [event, lit] of [["pointerenter", number], ["focus", number], ["pointerleave", null], ["blur", null]]) {
    button.addEventListener(event, () => light(lit));
  }
  line.append(button);
  return line;
}

// female – unclear – male: a ring where it was, a dot where it is.
function scale(face) {
  const bar = element("span", "scale");
  bar.setAttribute("aria-hidden", "true"); // the words beside it say the same
  band(face).forEach((end, i) => bar.style.setProperty(["--low", "--high"][i], `${100 * end}%`));
  for (const [kind, p] of [["was", face.p_male_before], ["is", face.p_male_after]]) {
    const dot = element("i", kind);
    dot.style.left = `${100 * p}%`;
    dot.title = `${kind === "was" ? "before" : "now"}: ${reads(face, p)}`;
    bar.append(dot);
  }
  for (const word of ["female", "unclear", "male"]) bar.append(element("small", "", word));
  return bar;
}

// The one thing that helps, and what it costs.
function helpFor(photo, check) {
  const set = (options) => () => { Object.assign(photo.options, options); changed(photo); };
  if (photo.error && photo.at !== null && photo.at !== undefined) {
    return { label: "Delete this box", cost: "That place stays as it is.", act: () => edit(removed(photo.faces, photo.chosen, own(photo.at))) };
  }
  if (photo.code === "too_large") {
    const million = Math.floor(limits.pixels / 1e6);
    return { label: `Shrink it to ${Math.min(million, 40)} megapixels here`, cost: "Camera, time and place are lost.", act: () => shrink(photo) };
  }
  if (photo.code === "too_much") return { label: "Only the largest face", cost: "The others stay as they are.", act: () => chooseLargest(photo) };
  if (photo.code === "time_limit" && photo.options.card !== "default") {
    return { label: "Use the default method", cost: "Quick; looks different from this one.", act: set(presets.default) };
  }
  if (["gone", "time_limit"].includes(photo.code)) return { label: "Try again", cost: "", act: () => changed(photo) };
  if (photo.code === "bad_photo") return { label: "Remove it from the list", cost: "The file itself stays.", act: () => removePhotos([photo]) };
  if (!check || check.passed) return null;
  const { strength, method } = photo.options;
  if (["still read", "did not change"].includes(outcomeOf(check))) {
    if (strength < 1) return { label: "Full strength", cost: "Easier to see; a matcher loses the person more often.", act: set({ strength: 1 }) };
    if (method === presets.default.method) return { label: "A method of the papers", cost: "Harsher shading, easier to see.", act: set({ ...presets.papers, strength: 1 }) };
    return { label: "The default method, full strength", cost: "Bends the face a little as well.", act: set({ ...presets.default, strength: 1 }) };
  }
  if (strength <= 0.3 || outcomeOf(check) !== "not recognised") return null;
  return { label: "Gentler", cost: "The gender is read more easily as well.", act: set({ strength: Math.round(20 * strength - 4) / 20 }) };
}

function drawCoin(photo, check) {
  const target = photo.faces?.length && !photo.hopeless ? targetOf(photo) : null;
  const own = methodOf(photo)?.own_target === "random";
  const tossed = target === "random";
  $("coin").hidden = !(target && (tossed || own)) || (!check && tossed);
  $("coin-text").textContent = tossed ? COIN : target === "neutral" ? "This photo reads as neither." : `This photo reads as the ${target === "same" ? "truth" : "opposite"}: somebody who knows that turns it round.`;
  $("coin-opposite").hidden = target === "opposite";
  $("coin-neutral").hidden = target === "neutral";
  $("coin-back").hidden = tossed;
}

// ---- The controls: of the current photo ----------------------------------------------------------

function makePresets(known) {
  const base = (card, name) => {
    const method = methods[name];
    return { card, method: name, strength: method.strength, target: "", gender: "auto", hide: ["gender"], keep: false };
  };
  presets = {
    default: base("default", known.default),
    light: { ...base("light", known.default), strength: 0.5 },
    papers: base("papers", "san"),
  };
  defaults = { ...presets.default };
}

function drawControls() {
  const { options } = current;
  const method = methodOf(current);
  for (const radio of document.querySelectorAll("[name=card]")) radio.checked = radio.value === options.card;
  $("strength").value = options.strength;
  $("strength-out").textContent = `${Math.round(100 * options.strength)} %`;
  $("method").value = options.method;
  $("method-line").textContent = method.description;
  $("target-field").hidden = !method.targets;
  $("target").value = options.target;
  $("gender-field").hidden = !asksGender(current);
  $("gender").value = options.gender;
  $("keep").checked = options.keep;
  $("hide").hidden = method.hides.length < 2;
  $("hide-boxes").replaceChildren(...method.hides.map((what) => {
    const label = element("label", "");
    const box = document.createElement("input");
    Object.assign(box, { type: "checkbox", value: what, checked: options.hide.includes(what) });
    label.append(box, what);
    return label;
  }));
  const others = photos.filter((photo) => JSON.stringify(photo.options) !== JSON.stringify(options)).length;
  $("apply").hidden = !others;
  $("apply-all").textContent = `Apply to all ${photos.length} photos`;
}

function set(options) {
  Object.assign(current.options, options);
  defaults = { ...current.options };
  changed();
}

let timer = 0;

function slide() {
  current.options.strength = Number($("strength").value);
  $("strength-out").textContent = `${Math.round(100 * current.options.strength)} %`;
  if (methodOf(current).slow) return; // no preview: it waits for the slider to rest
  sliding = true;
  timer ||= setTimeout(() => { timer = 0; pump(); }, 120);
}

function rest() {
  clearTimeout(timer);
  timer = 0;
  sliding = false;
  set({ strength: Number($("strength").value) });
}

// The same face on every card, as that card would make it. A small crop is sent, not the photo.
async function drawSamples() {
  const photo = current;
  if (!photo?.faces?.length || photo.unseen || photo.hopeless || sliding) return;
  sampling?.abort();
  const { signal } = sampling = new AbortController();
  try {
    const crop = await cropOf(photo, photo.faces[0]);
    photo.samples ??= {};
    for (const [card, options] of Object.entries(presets)) {
      photo.samples[card] ??= await sample(photo, crop, options, signal);
      if (photo !== current || signal.aborted) return;
      const canvas = document.querySelector(`[value=${card}] + canvas`);
      canvas.getContext("2d").drawImage(photo.samples[card], 80, 80, 160, 160, 0, 0, canvas.width, canvas.height);
    }
  } catch {
    // A card without a picture is no trouble.
  }
}

async function cropOf(photo, { box }) {
  if (photo.crop) return photo.crop;
  await $("before").decode();
  const side = 2.4 * Math.max(box[2] - box[0], box[3] - box[1]);
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 320;
  const [x, y] = [(box[0] + box[2] - side) / 2, (box[1] + box[3] - side) / 2];
  canvas.getContext("2d").drawImage($("before"), x, y, side, side, 0, 0, 320, 320);
  photo.crop = await new Promise((done) => canvas.toBlob(done));
  return photo.crop;
}

async function sample(photo, crop, { method, strength }, signal) {
  const fields = { method, strength, faces: "largest", answer: "json" };
  // The key draws by pixels, and a crop has others: the card shows what was drawn for the photo.
  const drawn = targetOf(photo) === "random" && photo.result?.faces[0]?.target;
  if (methods[method].own_target === "random" && ["female", "male"].includes(drawn)) Object.assign(fields, { gender: drawn, target: "same" });
  return createImageBitmap(pictureOf(await call("protect", formOf(crop, fields), signal)));
}

// ---- Photos come and go ------------------------------------------------------------------------

function addPhotos(files, { folder = false } = {}) {
  const images = [...files].filter((file) => !folder || (PHOTO.test(file.name) && !file.name.startsWith(".")));
  const first = images.length && !photos.length;
  for (const file of images) {
    const photo = { name: file.name || "pasted photo", file, url: URL.createObjectURL(file), chosen: new Set(), options: { ...defaults } };
    if (limits && file.size > limits.photo_bytes) {
      Object.assign(photo, { error: `Larger than ${Math.round(limits.photo_bytes / 2 ** 20)} MB.`, code: "too_large", hopeless: true });
    }
    photo.entry = entryOf(photo);
    photos.push(photo);
    $("list").append(photo.entry);
  }
  if (!images.length) say("No photos there; expected picture files, such as JPEG or PNG.");
  else say(null, `${images.length} added.`);
  if (first) select(photos[0]);
  else refresh();
  pump();
}

function entryOf(photo) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  button.type = "button";
  const image = document.createElement("img");
  Object.assign(image, { src: photo.url, alt: "", decoding: "async" });
  image.addEventListener("error", () => image.replaceWith(element("i", "blank")));
  button.append(image, element("span", "name", photo.name), element("span", "state", "waiting"), element("span", "more"));
  button.addEventListener("click", () => { select(photo); pump(); });
  item.append(button);
  return item;
}

function select(photo) {
  if (photo !== current) viewer.boxes.setMode(null); // what the keys did was to the photo before
  if (photo && photo !== current && running?.photo !== photo && needs(photo)) interrupt();
  current = photo;
  say(null);
  for (const canvas of document.querySelectorAll(".card canvas")) canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
  $("panel").scrollTop = 0;
  refresh();
  if (photo) open(photo);
  if (!running) drawSamples(); // else they follow when the work is done
}

function refresh() {
  const some = photos.length > 0;
  document.body.classList.toggle("has-photos", some);
  $("empty").hidden = some;
  (some ? document.querySelector("header") : $("empty-add")).append($("add"));
  $("view").hidden = $("panel").hidden = !some;
  $("photos").hidden = photos.length < 2;
  for (const photo of photos) drawEntry(photo);
  if (!current || !limits) return; // what there is to choose is not known yet
  drawControls();
  draw(current);
}

function removePhotos(gone) {
  if (gone.includes(current)) viewer.boxes.drop();
  for (const photo of gone) {
    URL.revokeObjectURL(photo.url);
    if (photo.result) URL.revokeObjectURL(photo.result.url);
    photo.entry.remove();
    photos.splice(photos.indexOf(photo), 1);
    if (running?.photo === photo) interrupt();
  }
  if (photos.includes(current)) refresh();
  else select(photos[0] ?? null);
  say(null, "Removed.");
  (photos.length ? $("view-title") : $("files")).focus();
  pump();
}

function chooseLargest(photo) {
  const area = ({ box }) => (box[2] - box[0]) * (box[3] - box[1]);
  photo.chosen = new Set([photo.faces.reduce((best, face) => (area(face) > area(best) ? face : best)).number]);
  changed(photo);
}

async function shrink(photo) {
  try {
    const whole = await createImageBitmap(photo.file);
    const share = Math.min(1, Math.sqrt(Math.min(limits.pixels, 40e6) / (whole.width * whole.height)));
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [Math.floor(whole.width * share), Math.floor(whole.height * share)];
    canvas.getContext("2d").drawImage(whole, 0, 0, canvas.width, canvas.height);
    const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.95));
    if (!blob) throw new Error("too large for this browser");
    removePhotos([photo]);
    addPhotos([new File([blob], photo.name.replace(/\.[A-Za-z]{3,4}$/, ".jpg"))]);
    select(photos.at(-1));
  } catch {
    say("This browser cannot shrink that file; shrink it with another program.");
  }
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
  const taken = new Set(["report.json"]);
  const files = [];
  const report = photos.map((photo, i) => {
    const entry = { number: i + 1, source: photo.name, name: null, code: photo.code || "none", message: photo.error || "no face was chosen" };
    if (!isDone(photo)) return entry;
    files.push({ name: nameOf(photo, taken), blob: photo.result.blob });
    const { faces, left, doubtful, check } = photo.result;
    return { ...entry, name: files.at(-1).name, code: "ok", message: outcomeOf(check), options: fieldsOf(photo), faces, left, doubtful, check };
  });
  files.push({ name: "report.json", blob: new Blob([JSON.stringify({ files: report }, null, 1)]) });
  save(await makeZip(files), "protected.zip");
}

// ---- What the user does --------------------------------------------------------------------------

function listen() {
  const on = (id, event, act) => $(id).addEventListener(event, act);
  listenForFiles(addPhotos, say);
  listenToView(on);
  on("cards", "change", ({ target }) => set({ ...presets[target.value], keep: current.options.keep }));
  on("method", "change", ({ target }) => set({ method: target.value, strength: methods[target.value].strength, hide: ["gender"], card: cardOf(target.value) }));
  on("target", "change", ({ target }) => set({ target: target.value }));
  on("gender", "change", ({ target }) => set({ gender: target.value }));
  on("keep", "change", ({ target }) => set({ keep: target.checked }));
  on("hide", "change", () => {
    const hide = [...$("hide-boxes").querySelectorAll("input:checked")].map((box) => box.value);
    set({ hide: hide.length ? hide : current.options.hide }); // something must be hidden
  });
  on("strength", "input", slide);
  on("strength", "change", rest);
  for (const [id, target] of [["coin-opposite", "opposite"], ["coin-neutral", "neutral"], ["coin-back", ""]]) {
    on(id, "click", () => { current.options.target = target; changed(); }); // of this photo alone
  }
  on("apply-all", "click", () => {
    defaults = { ...current.options };
    for (const photo of photos) {
      photo.options = { ...current.options };
      if (!photo.hopeless) photo.error = photo.code = photo.at = null;
    }
    changed();
    refresh();
  });
  on("remove", "click", () => removePhotos([current]));
  on("clear", "click", () => removePhotos([...photos]));
  on("save", "click", () => save(current.result.blob, nameOf(current, new Set())));
  on("save-all", "click", saveAll);
  on("controls", "submit", (event) => event.preventDefault());
}

const PAPERS = ["san", "ensemble", "flowsan", "gender-an", "privacynet", "mixing"];
const cardOf = (method) => (method === presets.default.method ? "default" : PAPERS.includes(method) ? "papers" : null);

function listenToView(on) {
  let face = 0;
  on("before", "load", () => {
    if (!current) return;
    current.unseen = false;
    if (!current.size) viewer.setSize($("before").naturalWidth, $("before").naturalHeight);
    drawCurrent();
  });
  on("before", "error", () => {
    if (!current) return;
    current.unseen = true; // a TIFF, or no photo at all: the server says which
    drawCurrent();
  });
  on("zoom-in", "click", () => viewer.zoomTo(viewer.scale * 1.4));
  on("zoom-out", "click", () => viewer.zoomTo(viewer.scale / 1.4));
  on("zoom-real", "click", () => viewer.zoomTo(1));
  on("zoom-fit", "click", () => viewer.fit());
  on("zoom-face", "click", () => {
    face = (face + 1) % current.faces.length;
    viewer.focus(current.faces[face].box);
  });
  on("boxes-on", "click", () => {
    if (showBoxes($("stage").classList.contains("bare"))) return;
    viewer.boxes.setMode(null);
  });
  on("edit-add", "click", ({ detail }) => {
    if (!detail) addInTheMiddle();
    else viewer.boxes.setMode(viewer.boxes.mode === "draw" ? null : "draw");
    showBoxes();
  });
  on("edit-boxes", "click", () => {
    viewer.boxes.setMode(viewer.boxes.mode === "edit" ? null : "edit");
    showBoxes();
  });
  on("edit-delete", "click", () => viewer.boxes.deleteSelected());
  on("edit-undo", "click", () => {
    viewer.boxes.drop();
    Object.assign(current, { error: null, code: null, at: null, hopeless: false });
    asFound(current);
    changed();
    $("edit-add").focus();
  });
  const hold = $("original");
  const keys = [" ", "Enter"];
  hold.addEventListener("pointerdown", () => viewer.showOriginal(true));
  hold.addEventListener("keydown", (event) => { if (keys.includes(event.key)) viewer.showOriginal(true); });
  hold.addEventListener("keyup", (event) => { if (keys.includes(event.key)) viewer.showOriginal(false); });
  for (const end of ["pointerup", "pointerleave", "pointercancel", "blur"]) hold.addEventListener(end, () => viewer.showOriginal(false));
}

function showBoxes(shown = true) {
  $("stage").classList.toggle("bare", !shown);
  $("boxes-on").setAttribute("aria-pressed", shown);
  return shown;
}

async function start() {
  listen();
  refresh();
  try {
    const known = await call("models");
    methods = Object.fromEntries(known.methods.map((method) => [method.name, method]));
    makePresets(known);
    const names = known.methods.filter((method) => method.installed).map(({ name }) => name);
    const group = (label, some) => {
      const made = document.createElement("optgroup");
      made.label = label;
      made.append(...some.map((name) => new Option(name)));
      return made;
    };
    const own = [known.default];
    const rest = names.filter((name) => !own.includes(name) && !PAPERS.includes(name));
    $("method").replaceChildren(group("FaceVeil", own), group("Papers", names.filter((name) => PAPERS.includes(name))), group("To compare with", rest));
    limits = known.limits;
    for (const photo of photos) photo.options = { ...defaults };
    refresh();
    pump();
  } catch (error) {
    say(error.message);
  }
}

start();
