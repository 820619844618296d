/** A text without escapes, and where in the original each of its characters comes from. */
export interface PlainText {
  /** Non-ASCII characters are UTF-8 bytes, one character (U+0080 to U+00FF) for each, as percent-encoding has them. */
  readonly text: string;
  /** The offset in the original at which the character at `index` begins; also for the end of the text. */
  offsetOf(index: number): number;
}

/** Percent-encoding, escapes of JSON and JavaScript at any depth, references of HTML and XML. */
const ESCAPE =
  /%([0-9a-f]{2})|\\{1,16}(?:u([0-9a-f]{4})|x([0-9a-f]{2})|(["'/&=?]))|(?<!\\)\\([nrt])|&(?:#0*(\d{1,4})|#x0*([0-9a-f]{1,4})|(amp|lt|gt|quot|apos));/gi;
/** An encoding of an encoding of … is decoded up to this depth. */
const MOST_LAYERS = 4;
const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/**
 * Removes escapes, layer by layer, so that all spellings of a text become the same. A `+` becomes a space, because forms
 * encode spaces in this way. Takes time linear in the length of the text.
 */
export function plainText(original: string): PlainText {
  if (/^[^%\\&\x80-\uffff]*$/.test(original)) return { text: original, offsetOf: (index) => index };
  let { text, offsets } = asBytes(original);
  for (let layer = 0; layer < MOST_LAYERS; layer += 1) {
    const next = withoutLayer(text, offsets);
    if (next === null) break;
    ({ text, offsets } = next);
  }
  return { text, offsetOf: (index) => offsets[index] ?? original.length };
}

function asBytes(original: string): { text: string; offsets: number[] } {
  const offsets: number[] = [];
  let text = '';
  if (/^[\0-\x7f]*$/.test(original)) {
    for (let offset = 0; offset <= original.length; offset += 1) offsets.push(offset);
    return { text: original, offsets };
  }
  let offset = 0;
  for (const character of original) {
    const bytes = character < '\x80' ? character : Buffer.from(character).toString('latin1');
    for (let index = 0; index < bytes.length; index += 1) offsets.push(offset);
    text += bytes;
    offset += character.length;
  }
  offsets.push(offset);
  return { text, offsets };
}

/** null if the text has no escape */
function withoutLayer(text: string, offsets: readonly number[]): { text: string; offsets: number[] } | null {
  let decoded = '';
  const decodedOffsets: number[] = [];
  let end = 0;
  const keep = (until: number): void => {
    decoded += text.slice(end, until);
    for (let index = end; index < until; index += 1) decodedOffsets.push(offsets[index] ?? 0);
  };
  for (const match of text.matchAll(ESCAPE)) {
    keep(match.index);
    const value = valueOf(match);
    decoded += value;
    for (let index = 0; index < value.length; index += 1) decodedOffsets.push(offsets[match.index] ?? 0);
    end = match.index + match[0].length;
  }
  if (end === 0) return null;
  keep(text.length);
  decodedOffsets.push(offsets[text.length] ?? 0);
  return { text: decoded, offsets: decodedOffsets };
}

function valueOf(match: RegExpMatchArray): string {
  const [, percent, unicode, hex, escaped, space, decimal, hexReference, name] = match;
  if (space !== undefined) return '\n';
  if (escaped !== undefined) return escaped;
  if (name !== undefined) return NAMED[name.toLowerCase()] ?? '';
  // Percent-encoding has bytes; the others have code points, or halves of surrogate pairs.
  if (percent !== undefined) return String.fromCharCode(Number.parseInt(percent, 16));
  const code =
    decimal === undefined ? Number.parseInt(unicode ?? hex ?? hexReference ?? '0', 16) : Number(decimal);
  const character = String.fromCharCode(code);
  return code < 0x80 ? character : Buffer.from(character).toString('latin1');
}
