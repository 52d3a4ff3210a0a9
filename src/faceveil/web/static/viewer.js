// The picture: fills its stage, zooms and moves, is divided into before and after, has boxes on it.

import { Boxes } from "./boxes.js";

const NEAR = 24; // pixels around the divider that drag it
const HELD = 300; // milliseconds until a finger that rests shows the original
const MOST = 16; // screen pixels for one of the photo

const between = (low, value, high) => Math.min(Math.max(value, low), high);

export class Viewer {
  // `parts`: stage, picture, before, after, divider, split, boxes, zoom. `told`: what the boxes call.
  constructor({ boxes, ...parts }, told) {
    Object.assign(this, parts);
    this.boxes = new Boxes(boxes, this, told);
    this.size = [1, 1];
    [this.scale, this.x, this.y] = [1, 0, 0];
    this.divide = 0.5; // of the stage's width
    this.view = "fit"; // what a change of the window keeps: "fit", a face's box, or null
    this.hand = null; // what a finger does to a box
    this.fingers = new Map();
    this.listen();
    new ResizeObserver(() => this.again()).observe(this.stage);
  }

  get room() {
    return [this.stage.clientWidth || 1, this.stage.clientHeight || 1];
  }

  get whole() {
    return Math.min(this.room[0] / this.size[0], this.room[1] / this.size[1]);
  }

  // ---- What is shown ---------------------------------------------------------------------------

  setSize(width, height) {
    if (this.size[0] === width && this.size[1] === height) return;
    this.size = [width, height];
    this.picture.style.width = `${width}px`;
    this.picture.style.height = `${height}px`;
    this.again();
  }

  setResult(url) {
    this.after.hidden = this.divider.hidden = !url;
    this.split.disabled = !url;
    if (url && this.after.getAttribute("src") !== url) this.after.src = url;
    this.stage.classList.toggle("compared", Boolean(url));
  }

  // Places of the photo that are or may be faces, as the boxes take them.
  setFaces(places) {
    this.boxes.set(places);
    this.render();
  }

  // ---- Where it is shown -----------------------------------------------------------------------

  fit() {
    this.view = "fit";
    this.scale = this.whole;
    this.render();
  }

  // Half of the stage for a face; never smaller than the whole photo.
  focus([x0, y0, x1, y1]) {
    this.view = [x0, y0, x1, y1];
    const [width, height] = this.room;
    const close = Math.min((0.5 * height) / (y1 - y0), (0.6 * width) / (x1 - x0));
    this.scale = between(this.whole, close, Math.max(this.whole, MOST / 2));
    this.x = width / 2 - (this.scale * (x0 + x1)) / 2;
    this.y = height / 2 - (this.scale * (y0 + y1)) / 2;
    this.keepInside();
    this.divide = between(0.08, (this.x + (this.scale * (x0 + x1)) / 2) / width, 0.92); // through its middle
    this.render();
  }

  again() {
    if (this.view === "fit") this.fit();
    else if (this.view) this.focus(this.view);
    else this.render();
  }

  zoomTo(scale, [px, py] = this.room.map((side) => side / 2)) {
    const next = between(Math.min(this.whole, 1) / 2, scale, MOST);
    this.x = px - ((px - this.x) * next) / this.scale;
    this.y = py - ((py - this.y) * next) / this.scale;
    this.scale = next;
    this.view = null;
    this.render();
  }

  move(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.view = null;
    this.render();
  }

  keepInside() {
    const inside = (at, size, room) => (size * this.scale <= room ? (room - size * this.scale) / 2 : between(room - size * this.scale, at, 0));
    this.x = inside(this.x, this.size[0], this.room[0]);
    this.y = inside(this.y, this.size[1], this.room[1]);
  }

  render() {
    this.keepInside();
    const [width, height] = this.room;
    this.picture.style.transform = `translate(${this.x}px, ${this.y}px) scale(${this.scale})`;
    this.picture.classList.toggle("coarse", this.scale >= 6);
    const cut = between(0, (this.divide * width - this.x) / this.scale, this.size[0]);
    this.after.style.clipPath = `inset(0 0 0 ${cut}px)`;
    this.divider.style.left = `${100 * this.divide}%`;
    this.split.value = Math.round(100 * this.divide);
    this.zoom.textContent = `${Math.round(100 * this.scale)} %`;
    this.boxes.render();
  }

  showOriginal(on) {
    this.stage.classList.toggle("original", on);
  }

  // ---- Fingers, wheel, keys --------------------------------------------------------------------

  listen() {
    const { stage } = this;
    const at = (event) => {
      const place = stage.getBoundingClientRect();
      return [event.clientX - place.left, event.clientY - place.top];
    };
    stage.addEventListener("pointerdown", (event) => {
      if (event.target.closest("button") || event.button) return;
      stage.setPointerCapture(event.pointerId);
      this.fingers.set(event.pointerId, at(event));
      clearTimeout(this.timer);
      this.mode = null;
      this.hand?.cancel(); // a second finger: both zoom
      this.hand = this.fingers.size > 1 ? null : this.boxes.grab(at(event));
      if (this.hand) event.preventDefault(); // else the stage takes the focus from the box
      else if (this.fingers.size > 1) this.showOriginal(false);
      else if (!this.divider.hidden && Math.abs(at(event)[0] - this.divide * this.room[0]) < NEAR) this.mode = "divide";
      else this.timer = setTimeout(() => this.showOriginal(true), HELD);
    });
    stage.addEventListener("pointermove", (event) => {
      const last = this.fingers.get(event.pointerId);
      if (!last) return;
      const now = at(event);
      if (this.hand) {
        this.hand.move(now);
      } else if (this.fingers.size > 1) {
        this.pinch(event.pointerId, last, now);
      } else if (this.mode === "divide") {
        this.setDivide(now[0] / this.room[0]);
      } else if (this.mode === "move" || Math.hypot(now[0] - last[0], now[1] - last[1]) > 4) {
        this.mode = "move";
        clearTimeout(this.timer);
        this.move(now[0] - last[0], now[1] - last[1]);
      } else {
        return; // not far enough yet: the start stays where it was
      }
      this.fingers.set(event.pointerId, now);
    });
    for (const end of ["pointerup", "pointercancel"]) {
      stage.addEventListener(end, (event) => {
        this.fingers.delete(event.pointerId);
        this.hand?.[end === "pointerup" ? "drop" : "cancel"]();
        this.hand = null;
        clearTimeout(this.timer);
        this.showOriginal(false);
      });
    }
    stage.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoomTo(this.scale * Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.002)), at(event));
    }, { passive: false });
    stage.addEventListener("dblclick", (event) => {
      if (event.target.closest("button") || this.boxes.mode) return;
      if (this.view === "fit") this.zoomTo(Math.max(1, 2 * this.whole), at(event));
      else this.fit();
    });
    stage.addEventListener("keydown", (event) => {
      if (event.target !== stage) return;
      const step = { ArrowLeft: [40, 0], ArrowRight: [-40, 0], ArrowUp: [0, 40], ArrowDown: [0, -40] }[event.key];
      if (step) this.move(...step);
      else if ("+=".includes(event.key)) this.zoomTo(this.scale * 1.25);
      else if (event.key === "-") this.zoomTo(this.scale / 1.25);
      else if (event.key === "0") this.fit();
      else return;
      event.preventDefault();
    });
    this.split.addEventListener("input", () => this.setDivide(this.split.value / 100));
  }

  setDivide(share) {
    this.divide = between(0, share, 1);
    this.render();
  }

  // One finger of two moved: what was under both stays under both.
  pinch(id, last, now) {
    const other = [...this.fingers].find(([one]) => one !== id)[1];
    const span = (point) => Math.hypot(point[0] - other[0], point[1] - other[1]) || 1;
    const middle = [(now[0] + other[0]) / 2, (now[1] + other[1]) / 2];
    this.move((now[0] - last[0]) / 2, (now[1] - last[1]) / 2);
    this.zoomTo((this.scale * span(now)) / span(last), middle);
  }
}
