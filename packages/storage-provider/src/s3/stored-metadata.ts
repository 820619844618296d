/** S3 counts the bytes of names and values: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html */
export const MOST_BYTES = 2048;
/** Begins a value that is percent-encoded UTF-8, after the notation of RFC 8187. */
const ENCODED = "utf-8''";

/**
 * Metadata as headers can carry it. A value that is not plain ASCII text becomes `utf-8''` and its percent-encoding.
 * Where all together are longer than S3 takes, the longest values are cut at their ends until they fit.
 */
export function encodeMetadata(metadata: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(metadata).map(([name, value]) => ({
    name,
    value,
    encoded: encodeValue(value),
  }));
  let excess = entries.reduce(
    (sum, { name, encoded }) => sum + Buffer.byteLength(name) + encoded.length,
    -MOST_BYTES,
  );
  while (excess > 0) {
    const longest = entries.reduce((a, b) => (b.encoded.length > a.encoded.length ? b : a));
    const before = longest.encoded.length;
    longest.encoded = cutToFit(longest.value, Math.max(0, before - excess));
    if (longest.encoded.length === before) break;
    excess -= before - longest.encoded.length;
  }
  return Object.fromEntries(entries.map(({ name, encoded }) => [name, encoded]));
}

export function decodeMetadata(stored: Readonly<Record<string, string>> | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(stored ?? {}).map(([name, value]) => [name, decodeValue(value)]));
}

export function encodeValue(value: string): string {
  // Runs of spaces are collapsed in what is signed; an empty header is dropped by some stores.
  const plain = /^[\x21-\x7e]+(?: [\x21-\x7e]+)*$/.test(value) && !value.startsWith(ENCODED);
  return plain ? value : ENCODED + encodeURIComponent(value.toWellFormed());
}

function decodeValue(value: string): string {
  if (!value.startsWith(ENCODED)) return value;
  try {
    return decodeURIComponent(value.slice(ENCODED.length));
  } catch {
    // Somebody else wrote it.
    return value;
  }
}

/** The longest beginning of `value` whose encoding has at most `room` characters. */
function cutToFit(value: string, room: number): string {
  if (encodeValue(value) === value) {
    const cut = value.slice(0, room).trimEnd();
    if (cut !== '' || room < ENCODED.length) return cut;
  }
  let encoded = ENCODED;
  for (const character of value.toWellFormed()) {
    const next = encoded + encodeURIComponent(character);
    if (next.length > room) break;
    encoded = next;
  }
  return encoded;
}
