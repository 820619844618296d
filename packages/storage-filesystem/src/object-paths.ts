import { createHash } from 'node:crypto';
import { join } from 'node:path';

/**
 * The layout of the directory.
 *
 * - `named/a/b.object`: objects whose keys are paths of plain words. A listing finds them by prefix without opening files.
 * - `hashed/<2 hex>/<64 hex>.object`: all other objects, named by the SHA-256 of the key.
 * - `prefixes/<word>`: an empty file that marks that some hashed key began with `<word>/`. A listing of such a prefix
 *   reads `hashed/` only if this file exists.
 * - `temporary/`: files that are being written.
 */
export class ObjectPaths {
  readonly root: string;
  readonly named: string;
  readonly hashed: string;
  readonly prefixes: string;
  readonly temporary: string;

  constructor(directory: string) {
    this.root = directory;
    this.named = join(directory, 'named');
    this.hashed = join(directory, 'hashed');
    this.prefixes = join(directory, 'prefixes');
    this.temporary = join(directory, 'temporary');
  }

  place(key: string): ObjectPlace {
    if (isNamed(key)) {
      return {
        kind: 'named',
        name: nameOfKey(key),
        file: join(this.named, key + SUFFIX),
        holds: (described) => described === key,
      };
    }
    return this.#hashedPlace(sha256(key));
  }

  /** The place of the object whose address ends in `name`; `null` if `name` cannot be the name of an object. */
  placeOfName(name: string): ObjectPlace | null {
    if (/^[0-9a-f]{64}$/.test(name)) return this.#hashedPlace(name);
    if (!name.startsWith(NAMED)) return null;
    const key = name.slice(NAMED.length).replaceAll('.', '/');
    return isNamed(key) ? this.place(key) : null;
  }

  #hashedPlace(name: string): ObjectPlace {
    const file = join(this.hashed, name.slice(0, 2), name + SUFFIX);
    return { kind: 'hashed', name, file, holds: (described) => sha256(described) === name };
  }

  /** The file in `prefixes/` for the first word of `keyOrPrefix`; `null` unless it begins with a plain word. */
  prefixFile(keyOrPrefix: string): string | null {
    const word = /^([a-z0-9_-]+)\//.exec(keyOrPrefix)?.[1];
    return word === undefined ? null : join(this.prefixes, word.slice(0, LONGEST_WORD));
  }
}

/** `name` is the last segment of the object's address. */
export interface ObjectPlace {
  readonly kind: 'named' | 'hashed';
  readonly name: string;
  readonly file: string;
  /** Whether an object with this key belongs in this place. */
  readonly holds: (key: string) => boolean;
}

/** The suffix of every object's file. A plain word has no dot, so the file of `a` and the directory of `a/b` differ. */
export const SUFFIX = '.object';

/** The prefix of the names of named objects in addresses. All other names are 64 hex digits. */
const NAMED = 'named.';

/** The last segment of the address of a key that is a path of plain words. */
export function nameOfKey(key: string): string {
  return NAMED + key.replaceAll('/', '.');
}

/** File systems limit a name to 255 bytes; this leaves space for the suffix. */
const LONGEST_WORD = 200;
const LONGEST_NAMED = 512;

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function isNamed(key: string): boolean {
  return (
    key.length <= LONGEST_NAMED &&
    /^[a-z0-9_-]+(?:\/[a-z0-9_-]+)*$/.test(key) &&
    key.split('/').every((word) => word.length <= LONGEST_WORD)
  );
}
