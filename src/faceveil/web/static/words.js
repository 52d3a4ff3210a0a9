// What came of a photo, in plain words.

const [LOW, HIGH] = [0.35, 0.65]; // between them a judge counts as undecided

export const reads = (pMale) => (pMale < LOW ? "female" : pMale > HIGH ? "male" : "unclear");

/** One face of a check as a sentence, and whether it is good. */
export function faceWords(face) {
  const now = reads(face.p_male_after);
  const gender = face.hidden
    ? now === "unclear" ? "Software can no longer tell" : `Software now says ${now}`
    : face.as_drawn ? `Software says ${now}, as your key drew` : `Software still says ${now}`;
  const person = face.match ? "a matcher still knows the person" : "a matcher no longer knows the person";
  return { text: `${gender}; ${person}.`, good: face.passed };
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
  return check.faces.some((face) => !face.hidden && !face.as_drawn) ? "still read" : "not recognised";
}
