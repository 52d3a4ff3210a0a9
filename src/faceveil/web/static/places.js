// The places of a photo that are, or may be, faces: numbered as the server numbers them, edited by
// hand, and as they are sent. A place: {id, number, box, landmarks, score, doubtful}; a box is
// [x0, y0, x1, y1] in pixels of the upright photo. What was drawn or moved has no landmarks: the
// server looks for them. Nothing here knows of the page.

export const LEAST = 8; // pixels of a box's side: less is a slip of the hand

const between = (low, value, high) => Math.min(Math.max(value, low), high);

/** The places of an answer of POST detect. */
export function placesOf({ faces, doubtful = [] }) {
  const all = [...faces, ...doubtful.map((place) => ({ ...place, doubtful: true }))];
  return all.map((place) => ({ ...place, id: place.number }));
}

/** Places and chosen numbers with new numbers: faces first, each kind from left to right. */
function numbered(places, chosen) {
  const [middle, height] = [0, 1].map((i) => ({ box }) => box[i] + box[i + 2]);
  const order = (a, b) => middle(a) - middle(b) || height(a) - height(b);
  const sorted = [false, true].flatMap((kind) => places.filter((place) => Boolean(place.doubtful) === kind).sort(order));
  return {
    places: sorted.map((place, number) => ({ ...place, number })),
    chosen: new Set(sorted.flatMap((place, number) => (chosen.has(place.number) ? [number] : []))),
  };
}

/** Places with one more that was drawn, which is chosen; `id` is its own. */
export function added(places, chosen, box) {
  const id = 1 + Math.max(-1, ...places.map((place) => place.id));
  const made = { id, number: places.length, box };
  return { ...numbered([...places, made], new Set([...chosen, made.number])), id };
}

/** Places of which one has another box: it is a face now, as somebody says who looked, and chosen. */
export function replaced(places, chosen, id, box) {
  const others = places.map((place) => (place.id === id ? { id, number: place.number, box } : place));
  const { number } = places.find((place) => place.id === id);
  return numbered(others, new Set([...chosen, number]));
}

/** Places without one. */
export function removed(places, chosen, id) {
  return numbered(places.filter((place) => place.id !== id), chosen);
}

/** What the field `boxes` of POST protect takes, in the order of the numbers. */
export function sentOf(places, [width, height]) {
  const plain = ({ box, landmarks }) => (landmarks ? { box, landmarks } : { box });
  const some = (kind) => places.filter((place) => Boolean(place.doubtful) === kind).map(plain);
  return { width, height, faces: some(false), doubtful: some(true) };
}

/** The number of the place that a message of the server is about; null where it is about none. */
export function placeOf(message) {
  const found = /^(?:box|face) (\d+)\b/.exec(message);
  return found && Number(found[1]);
}

// ---- Boxes under the hand ------------------------------------------------------------------------

/** A box from one point to another, in the photo; null where it is too small for one. */
export function spanned(from, to, size) {
  const ends = [0, 1].map((i) => [from[i], to[i]].map((v) => Math.round(between(0, v, size[i]))).sort((a, b) => a - b));
  if (ends.some(([low, high]) => high - low < LEAST)) return null;
  return [ends[0][0], ends[1][0], ends[0][1], ends[1][1]];
}

/** A box elsewhere, as far as the photo goes. */
export function moved(box, by, size) {
  const whole = box.map(Math.round);
  const step = by.map((v, i) => {
    const [low, high] = [-whole[i], size[i] - whole[i + 2]];
    return Math.round(between(Math.min(low, 0), v, Math.max(high, 0))); // never further out than it is
  });
  return whole.map((v, i) => v + step[i % 2]);
}

/** A box of which edges are dragged: [-1 left, 0 none, 1 right; -1 upper, 0 none, 1 lower]. */
export function resized(box, edges, by, size) {
  const next = box.map(Math.round);
  edges.forEach((edge, i) => {
    if (edge < 0) next[i] = between(0, Math.round(next[i] + by[i]), next[i + 2] - LEAST);
    if (edge > 0) next[i + 2] = between(next[i] + LEAST, Math.round(next[i + 2] + by[i]), size[i]);
  });
  return next;
}

/** What of a box is under a point: its edges, [0, 0] inside, null outside; `near` is reach in pixels. */
export function edgesAt([x0, y0, x1, y1], [x, y], near) {
  if (x < x0 - near || x > x1 + near || y < y0 - near || y > y1 + near) return null;
  const edge = (low, v, high) => {
    const reach = Math.min(near, (high - low) / 3); // some inside is left of a small box
    return v <= low + reach ? -1 : v >= high - reach ? 1 : 0;
  };
  return [edge(x0, x, x1), edge(y0, y, y1)];
}
