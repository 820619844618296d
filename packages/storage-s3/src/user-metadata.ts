import { encodeValue, MOST_BYTES } from './stored-metadata.ts';

/** Swift refuses longer values. */
const LONGEST_VALUE = 256;

/**
 * `own`, which is encoded already, with what of `user` fits beside it: each value whole or not at all, and none under a
 * name that is taken.
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
