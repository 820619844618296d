import { createHash } from 'node:crypto';
import { join } from 'node:path';

/**
 * Where the file of a key is.
 *
 * `named/a/b.object` for keys that are paths of plain words: they are found by their prefix without opening a file. `hashed/<2 hex>/<64 hex>.object`, after the SHA-256 of the key, for all others.
 * `prefixes/<word>` tells that some hashed key began with `<word>/`, so that a listing below such a prefix knows
 * whether it has to look into the hashed ones. `temporary/` holds what is being written.
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

  /** The place of the object whose address ends in `name`; `null` for what is no name of an object. */
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

  /** What tells that a hashed key begins like `keyOrPrefix`; `null` where that does not begin with a plain word. */
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
  /** Whether this is the place of `key`. */
  readonly holds: (key: string) => boolean;
}

/** Ends the name of each object's file: a plain word has no dot, so `a` and `a/b` do not meet. */
export const SUFFIX = '.object';

/** Begins the names of named objects in addresses, where all others are 64 hex digits. */
const NAMED = 'named.';

/** The last segment of the address of a key that is a path of plain words. */
export function nameOfKey(key: string): string {
  return NAMED + key.replaceAll('/', '.');
}

/** File systems take names of 255 bytes. */
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
