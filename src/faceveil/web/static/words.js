// What came of a photo, in plain words.

const UNDECIDED = [0.35, 0.65]; // P(male) between which a judge counts as undecided

export const band = (face) => face.undecided || UNDECIDED;

export function reads(face, pMale) {
  const [low, high] = band(face);
  return pMale < low ? "female" : pMale > high ? "male" : "unclear";
}

/** What became of a face's gender, in one word. */
export function fateOf(face) {
  if (face.outcome) return face.outcome;
  if (face.hidden) return reads(face, face.p_male_after) === "unclear" ? "unclear" : "other";
  return face.as_drawn ? "as_drawn" : "read";
}

/** Whether it passed and yet reads as it did: the key may draw the truth. */
export function readsAsBefore(face) {
  const now = reads(face, face.p_male_after);
  return face.passed && now !== "unclear" && now === reads(face, face.p_male_before);
}

/** One face of a check as a sentence. */
export function faceWords(face) {
  const now = reads(face, face.p_male_after);
  const gender = {
    unclear: "Software can no longer tell",
    other: `Software now says ${now}`,
    as_drawn: `Software says ${now}, as your key drew`,
    read: `Software still says ${now === "unclear" ? "what it said" : now}`,
    undecided_before: "Software could not tell before",
    unchanged: "This face did not change",
  }[fateOf(face)];
  return `${gender}; ${face.match ? "a matcher still knows the person" : "a matcher no longer knows the person"}.`;
}

/** How many places may be faces and were left as they are, as a sentence after others. */
export function leftWords(count) {
  return count ? ` ${count} ${count > 1 ? "places may be faces and were" : "place may be a face and was"} left.` : "";
}

const REASONS = {
  too_large: "too large", too_much: "too many faces", time_limit: "took too long", model_missing: "model missing",
  no_face: "no face", bad_photo: "not a photo", gone: "no answer",
};

/** Badge of what went wrong with a photo. */
export function reasonOf(photo) {
  if (photo.code === "bad_photo" && !photo.file.size) return "empty file";
  if (photo.code === "bad_photo" && photo.text) return "text file";
  if (photo.code === "bad_photo" && /truncat|damaged|end/i.test(photo.error)) return "damaged";
  if (photo.at != null) return "box without a face";
  return REASONS[photo.code] || "refused";
}

/** Whether a file's first bytes are text: what somebody dropped by mistake. */
export async function isText(file) {
  const bytes = new Uint8Array(await file.slice(0, 256).arrayBuffer());
  return bytes.length > 0 && bytes.every((byte) => byte > 31 || [9, 10, 13].includes(byte));
}

/** Badge of a checked photo. */
export function outcomeOf(check) {
  if (check.passed) return "worked";
  const fates = check.faces.filter((face) => !face.passed && face.match).map(fateOf);
  if (fates.includes("read")) return "still read";
  if (fates.includes("unchanged")) return "did not change";
  return fates.length ? "undecided before" : "not recognised";
}
