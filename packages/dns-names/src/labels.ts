import { createHash } from 'node:crypto';

/** A label has 63 bytes (RFC 1035, section 2.3.4). These leave room for the letters of an instance. */
const MOST_APP_CHARACTERS = 52;
const FEWEST_LETTERS = 5;
const LETTERS = 26;
const CODE_OF_A = 97;

/**
 * The label for a name of an app, a region or a port: in lower case, with hyphens for all that host names do not have
 * (RFC 1123, section 2.1). Empty if nothing remains.
 */
export function labelOf(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, MOST_APP_CHARACTERS)
    .replace(/^-+|-+$/g, '');
}

/** Letters from the SHA-256 of an instance's id, one for each byte. */
export function lettersOf(id: string): string {
  const digest = createHash('sha256').update(id).digest();
  return String.fromCharCode(...digest.map((byte) => CODE_OF_A + (byte % LETTERS)));
}

/**
 * The shortest beginning of the letters, of five at least, that no other instance of the app has. Instances are named in
 * the order of their ids, so the name of one does not change when others start.
 */
export function nameInstances(ids: readonly string[]): Map<string, string> {
  const taken = new Map<string, string>();
  for (const id of [...ids].sort()) {
    const letters = lettersOf(id);
    let length = FEWEST_LETTERS;
    while (taken.has(letters.slice(0, length)) && length < letters.length) length += 1;
    taken.set(letters.slice(0, length), id);
  }
  return taken;
}
