// A zip without compression: photos are packed already. Nothing leaves the page for it.

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k += 1) n = n & 1 ? (n >>> 1) ^ 0xedb88320 : n >>> 1;
  return n >>> 0;
});

function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = TABLE[(crc ^ byte) & 255] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

// Little-endian fields of 2 or 4 bytes: [[value, size], ...].
function record(...fields) {
  const view = new DataView(new ArrayBuffer(fields.reduce((sum, [, size]) => sum + size, 0)));
  let at = 0;
  for (const [value, size] of fields) {
    if (size === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    at += size;
  }
  return view.buffer;
}

/** One path component that no system trips over, not yet in `taken`; see names.py. */
export function safeName(name, suffix, taken) {
  let stem = name.normalize("NFC").split(/[/\\]/).pop().replace(/\.[A-Za-z]{3,4}$/, "");
  stem = stem.replace(/[^\p{L}\p{N}\-_. ]/gu, "_").replace(/\.{2,}/g, ".");
  stem = [...stem].slice(0, 80).join("").replace(/^[. ]+|[. ]+$/g, "") || "photo";
  if (/^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i.test(stem)) stem = `_${stem}`;
  let unique = stem + suffix;
  for (let n = 2; taken.has(unique.toLowerCase()); n += 1) unique = `${stem}-${n}${suffix}`;
  taken.add(unique.toLowerCase());
  return unique;
}

/** A Blob of the zip that holds these `{name, blob}`. */
export async function makeZip(files) {
  const parts = [];
  const directory = [];
  let offset = 0;
  for (const { name, blob } of files) {
    const label = new TextEncoder().encode(name);
    const crc = crc32(new Uint8Array(await blob.arrayBuffer()));
    // Version, flag "names are UTF-8", stored, date of 1980, sum, sizes, lengths of name and extra.
    const common = [[20, 2], [0x800, 2], [0, 2], [0, 2], [33, 2], [crc, 4], [blob.size, 4], [blob.size, 4], [label.length, 2], [0, 2]];
    const head = record([0x04034b50, 4], ...common);
    parts.push(head, label, blob);
    directory.push(record([0x02014b50, 4], [20, 2], ...common, [0, 2], [0, 2], [0, 2], [0, 4], [offset, 4]), label);
    offset += head.byteLength + label.length + blob.size;
  }
  const size = directory.reduce((sum, part) => sum + part.byteLength, 0);
  const end = record([0x06054b50, 4], [0, 2], [0, 2], [files.length, 2], [files.length, 2], [size, 4], [offset, 4], [0, 2]);
  return new Blob([...parts, ...directory, end], { type: "application/zip" });
}
