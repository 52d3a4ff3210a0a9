// The boxes on the picture: a frame and a number each; drawn, moved, resized and deleted by hand.

import { edgesAt, moved, resized, spanned } from "./places.js";

const NEAR = 14; // screen pixels around an edge that drag it
const STEP = 4; // screen pixels of an arrow key
const REST = 400; // milliseconds without a key until a box is taken as it stands
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const KEYS = "arrow keys move it, shift and arrow keys change its size, Delete removes it";

const between = (low, value, high) => Math.min(Math.max(value, low), high);

function nameOf({ number, chosen, doubtful }) {
  if (doubtful && !chosen) return `Protect this place too: number ${number + 1}, which may be a face`;
  return `Protect ${doubtful ? "place" : "face"} ${number + 1}`;
}

export class Boxes {
  // `host`: the element. `view`: what it lies on, with x, y, scale, room and size. `told`: toggle(number),
  // light(number or null), add(box), change(id, box), remove(id), mode(): what is called.
  constructor(host, view, told) {
    Object.assign(this, { host, view, told });
    this.places = [];
    this.parts = new Map(); // [frame, chip] by id
    this.mode = null; // null, "draw" or "edit"
    this.selected = null; // id
    this.pending = null; // {id, box, timer}: under the keys
    this.ghost = document.createElement("i");
    this.ghost.className = "ghost";
    host.addEventListener("keydown", (event) => this.key(event));
    host.addEventListener("focusin", ({ target }) => {
      const id = this.idOf(target);
      if (id !== null) this.select(id);
    });
    host.addEventListener("focusout", () => this.settle());
  }

  idOf(frame) {
    for (const [id, [own]] of this.parts) if (own === frame) return id;
    return null;
  }

  // ---- What is shown -----------------------------------------------------------------------------

  // Places: [{id, number, box, chosen, doubtful, problem}, ...].
  set(places) {
    const held = document.activeElement;
    this.places = places;
    const order = places.map(({ id }) => id);
    if (order.join() !== [...this.parts.keys()].join()) {
      this.parts = new Map(order.map((id) => [id, this.parts.get(id) ?? this.make(id)]));
      this.host.replaceChildren(...[...this.parts.values()].flat());
      if (this.host.contains(held)) held.focus();
    }
    if (!this.parts.has(this.selected)) this.select(null);
    for (const place of places) this.dress(place);
  }

  make(id) {
    const frame = document.createElement("i");
    const chip = document.createElement("button");
    chip.type = "button";
    const number = () => this.places.find((place) => place.id === id).number;
    chip.addEventListener("click", () => this.told.toggle(number()));
    for (const event of ["pointerenter", "focus"]) chip.addEventListener(event, () => this.told.light(number()));
    for (const event of ["pointerleave", "blur"]) chip.addEventListener(event, () => this.told.light(null));
    return [frame, chip];
  }

  dress(place) {
    const { id, number, chosen, doubtful, problem } = place;
    const [frame, chip] = this.parts.get(id);
    const open = Boolean(doubtful && !chosen);
    for (const [name, on] of Object.entries({ chosen, doubtful: open, wrong: problem, selected: this.mode === "edit" && id === this.selected })) {
      frame.classList.toggle(name, Boolean(on));
    }
    chip.textContent = `${number + 1}${open ? " ?" : ""}${problem ? `: ${problem}` : ""}`;
    chip.title = open ? "May be a face. Protect this place too" : "";
    chip.setAttribute("aria-label", `${nameOf(place)}${problem ? `. ${problem}` : ""}`);
    chip.setAttribute("aria-pressed", Boolean(chosen));
    chip.classList.toggle("wrong", Boolean(problem));
    if (this.mode === "edit") {
      const what = open ? "which may be a face" : chosen ? "protected" : "left as it is";
      frame.tabIndex = 0;
      frame.setAttribute("role", "application"); // arrow keys are the page's, not the screen reader's
      frame.setAttribute("aria-roledescription", "box");
      frame.setAttribute("aria-label", `Box ${number + 1}, ${what}: ${KEYS}${problem ? `. ${problem}` : ""}`);
    } else {
      for (const name of ["tabindex", "role", "aria-roledescription", "aria-label"]) frame.removeAttribute(name);
    }
  }

  lightUp(number) {
    for (const place of this.places) {
      for (const part of this.parts.get(place.id)) part.classList.toggle("lit", place.number === number);
    }
  }

  render() {
    const [width, height] = this.view.room;
    for (const { id, box } of this.places) {
      const [frame, chip] = this.parts.get(id);
      const [left, top, right, bottom] = this.lay(frame, this.pending?.id === id ? this.pending.box : box);
      const tall = chip.offsetHeight + 4;
      const out = right < 0 || bottom < 0 || left > width || top > height; // still in the order of Tab
      const x = between(2, left, Math.max(2, width - chip.offsetWidth - 2));
      const y = top >= tall ? top - tall : bottom + tall <= height ? bottom + 4 : 2; // outside the box
      chip.style.transform = `translate(${x}px, ${between(2, y, height - tall)}px)`;
      chip.classList.toggle("away", out);
    }
  }

  // Puts a frame where a box is; answers where that is in the stage.
  lay(frame, box) {
    const { x, y, scale } = this.view;
    const place = box.map((v, i) => (i % 2 ? y : x) + scale * v);
    frame.style.transform = `translate(${place[0]}px, ${place[1]}px)`;
    [frame.style.width, frame.style.height] = [`${place[2] - place[0]}px`, `${place[3] - place[1]}px`];
    return place;
  }

  // ---- What is done to them ----------------------------------------------------------------------

  setMode(mode) {
    this.settle();
    this.mode = mode;
    for (const place of this.places) this.dress(place);
    this.told.mode();
  }

  select(id) {
    if (this.selected === id) return;
    this.selected = id;
    for (const [one, [frame]] of this.parts) frame.classList.toggle("selected", this.mode === "edit" && one === id);
    this.told.mode();
  }

  /** The first frame that the keys can go to; null where there is none. */
  first() {
    const [frame] = [...this.parts.values()][0] ?? [];
    return this.mode === "edit" && frame ? frame : null;
  }

  /** The keys go to a box, as it is after a change. */
  focus(id) {
    this.parts.get(id)?.[0].focus();
  }

  deleteSelected() {
    if (this.selected === null) return;
    this.drop();
    this.told.remove(this.selected);
  }

  key(event) {
    const id = this.mode === "edit" ? this.idOf(event.target) : null;
    if (id === null) return;
    const way = ARROWS[event.key];
    if (way) {
      const step = Math.max(1, Math.round(STEP / this.view.scale));
      const by = way.map((v) => v * step);
      const box = this.pending?.id === id ? this.pending.box : this.places.find((place) => place.id === id).box;
      const next = event.shiftKey ? resized(box, [1, 1], by, this.view.size) : moved(box, by, this.view.size);
      this.drop();
      this.pending = { id, box: next, timer: setTimeout(() => this.settle(), REST) };
      this.render();
    } else if (event.key === "Delete" || event.key === "Backspace") {
      this.select(id);
      this.deleteSelected();
    } else {
      return;
    }
    event.preventDefault();
  }

  drop() {
    clearTimeout(this.pending?.timer);
    this.pending = null;
  }

  // What the keys have done is told, once.
  settle() {
    if (!this.pending) return;
    const { id, box } = this.pending;
    this.drop();
    if (this.parts.has(id)) this.told.change(id, box);
  }

  // What a finger that comes down takes hold of: {move(point), drop(), cancel()}, or null for nothing.
  grab(point) {
    const { x, y, scale } = this.view;
    const inPhoto = ([px, py]) => [(px - x) / scale, (py - y) / scale];
    const from = inPhoto(point);
    if (this.mode === "draw") return this.drawing(from, inPhoto);
    if (this.mode !== "edit") return null;
    const area = ([x0, y0, x1, y1]) => (x1 - x0) * (y1 - y0);
    const first = (place) => (place.id === this.selected ? -1 : area(place.box)); // else the smallest
    const under = this.places.map((place) => [place, edgesAt(place.box, from, NEAR / scale)]).filter(([, edges]) => edges);
    if (!under.length) return null;
    const [place, edges] = under.sort(([a], [b]) => first(a) - first(b))[0];
    return this.dragging(place, edges, from, inPhoto);
  }

  drawing(from, inPhoto) {
    let box = null;
    const end = () => this.ghost.remove();
    return {
      move: (point) => {
        box = spanned(from, inPhoto(point), this.view.size);
        if (!box) return end();
        this.host.append(this.ghost);
        return this.lay(this.ghost, box);
      },
      drop: () => { end(); if (box) this.told.add(box); },
      cancel: end,
    };
  }

  dragging(place, edges, from, inPhoto) {
    const { id, box } = place;
    const start = box;
    let next = null;
    this.focus(id);
    return {
      move: (point) => {
        const by = inPhoto(point).map((v, i) => v - from[i]);
        if (!next && Math.hypot(...by) * this.view.scale < 4) return; // a click takes hold, and no more
        next = edges.some(Boolean) ? resized(start, edges, by, this.view.size) : moved(start, by, this.view.size);
        this.drop();
        this.pending = { id, box: next };
        this.render();
      },
      drop: () => this.settle(),
      cancel: () => { this.drop(); this.render(); },
    };
  }
}
