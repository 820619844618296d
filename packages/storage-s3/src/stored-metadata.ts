/** The limit for all names and values: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html */
export const MOST_BYTES = 2048;
/**
 * Maximum length of a value that every known store accepts. Swift refuses 257 bytes:
 * https://docs.openstack.org/swift/latest/api/object_api_v1_overview.html (max_meta_value_length)
 */
export const SHORT_VALUE_BYTES = 256;
/** Length of each piece of a split value. Leaves space for the marker in the first piece. */
const PART_BYTES = 240;
/** The marker at the beginning of a split value, with its number of pieces. The others are in `<name>-2` and so on. */
const IN_PARTS = /^parts'([2-9])'/;
/** The prefix of a value that is percent-encoded UTF-8, in the notation of RFC 8187. */
const ENCODED = "utf-8''";

export interface MetadataForm {
  /** Whether the store accepts values longer than {@link SHORT_VALUE_BYTES}. Otherwise they are split. */
  readonly longValues: boolean;
}

/**
 * Encodes metadata for HTTP headers. A value that is not plain ASCII text becomes `utf-8''` and its percent-encoding. If
 * the total exceeds the limit of S3, the longest values are truncated until it fits.
 */
export function encodeMetadata(
  metadata: Readonly<Record<string, string>>,
  { longValues }: MetadataForm = { longValues: true },
): Record<string, string> {
  if (longValues) return encodeWhole(metadata, MOST_BYTES, encodeValue);
  // Reserve space for eight more names and markers, because those of split values count too.
  const names = Object.keys(metadata).reduce((longest, name) => Math.max(longest, name.length), 0);
  const whole = encodeWhole(metadata, MOST_BYTES - 9 * (names + 2) - 64, encodeForParts);
  const split = Object.entries(whole).flatMap(([name, encoded]) => inParts(name, encoded, metadata));
  return Object.fromEntries(split);
}

/** Whether any value is long enough to be split. */
export function hasLongValues(metadata: Readonly<Record<string, string>>): boolean {
  return Object.values(metadata).some((value) => encodeValue(value).length > SHORT_VALUE_BYTES);
}

type EncodeValue = (value: string) => string;

/** Percent-encodes long values with spaces: a space at the end of a piece would be lost, as in every header value. */
function encodeForParts(value: string): string {
  const encoded = encodeValue(value);
  const spaced = encoded.length > SHORT_VALUE_BYTES && encoded.includes(' ');
  return spaced ? ENCODED + encodeURIComponent(value) : encoded;
}

function encodeWhole(
  metadata: Readonly<Record<string, string>>,
  mostBytes: number,
  encode: EncodeValue,
): Record<string, string> {
  const entries = Object.entries(metadata).map(([name, value]) => ({
    name,
    value,
    encoded: encode(value),
  }));
  let excess = entries.reduce(
    (sum, { name, encoded }) => sum + Buffer.byteLength(name) + encoded.length,
    -mostBytes,
  );
  while (excess > 0) {
    const longest = entries.reduce((a, b) => (b.encoded.length > a.encoded.length ? b : a));
    const before = longest.encoded.length;
    longest.encoded = cutToFit(longest.value, Math.max(0, before - excess), encode);
    if (longest.encoded.length === before) break;
    excess -= before - longest.encoded.length;
  }
  return Object.fromEntries(entries.map(({ name, encoded }) => [name, encoded]));
}

export function decodeMetadata(stored: Readonly<Record<string, string>> | undefined): Record<string, string> {
  const whole = joinParts(stored ?? {});
  return Object.fromEntries(Object.entries(whole).map(([name, value]) => [name, decodeValue(value)]));
}

function inParts(
  name: string,
  encoded: string,
  metadata: Readonly<Record<string, string>>,
): [name: string, part: string][] {
  if (encoded.length <= SHORT_VALUE_BYTES) return [[name, encoded]];
  const count = Math.ceil(encoded.length / PART_BYTES);
  const parts = Array.from({ length: count }, (_, index) =>
    encoded.slice(index * PART_BYTES, (index + 1) * PART_BYTES),
  );
  const named = parts.map((part, index): [string, string] =>
    index === 0 ? [name, `parts'${count}'${part}`] : [`${name}-${index + 1}`, part],
  );
  const taken = named.slice(1).some(([partName]) => metadata[partName] !== undefined);
  return taken ? [[name, cutToFit(decodeValue(encoded), SHORT_VALUE_BYTES, encodeForParts)]] : named;
}

function joinParts(stored: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  if (!Object.values(stored).some((value) => IN_PARTS.test(value))) return stored;
  const whole: Record<string, string> = { ...stored };
  for (const [name, value] of Object.entries(stored)) {
    const count = Number(IN_PARTS.exec(value)?.[1] ?? 0);
    const names = Array.from({ length: Math.max(0, count - 1) }, (_, index) => `${name}-${index + 2}`);
    // If pieces are missing, another program wrote the value.
    if (count === 0 || names.some((partName) => stored[partName] === undefined)) continue;
    whole[name] = [value.replace(IN_PARTS, ''), ...names.map((partName) => stored[partName] ?? '')].join('');
    for (const partName of names) delete whole[partName];
  }
  return whole;
}

export function encodeValue(value: string): string {
  // Signing collapses repeated spaces, and some stores drop empty headers.
  const plain =
    /^[\x21-\x7e]+(?: [\x21-\x7e]+)*$/.test(value) && !value.startsWith(ENCODED) && !IN_PARTS.test(value);
  return plain ? value : ENCODED + encodeURIComponent(value.toWellFormed());
}

function decodeValue(value: string): string {
  if (!value.startsWith(ENCODED)) return value;
  try {
    return decodeURIComponent(value.slice(ENCODED.length));
  } catch {
    // Another program wrote the value.
    return value;
  }
}

/** Truncates `value` so that its encoding has at most `room` characters. */
function cutToFit(value: string, room: number, encode: EncodeValue): string {
  if (encode(value) === value) {
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

/** Swift refuses longer values of user metadata. */
const LONGEST_VALUE = 256;

/**
 * Adds user metadata to `own`, which is already encoded. Each value is added whole or not at all. Values that do not fit
 * and names that are already in use are skipped.
 */
export function withUserMetadata(
  own: Readonly<Record<string, string>>,
  user: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const all: Record<string, string> = { ...own };
  let room = Object.entries(own).reduce((left, entry) => left - sizeOf(entry), MOST_BYTES);
  for (const [name, value] of Object.entries(user)) {
    const entry: [string, string] = [name, encodeValue(value)];
    if (Object.hasOwn(all, name) || entry[1].length > LONGEST_VALUE || sizeOf(entry) > room) continue;
    all[name] = entry[1];
    room -= sizeOf(entry);
  }
  return all;
}

function sizeOf([name, value]: readonly [string, string]): number {
  return Buffer.byteLength(name) + value.length;
}
