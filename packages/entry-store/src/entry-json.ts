import type { Entry, Failure } from './entry-store.ts';
import type { Copy } from '@cloud-mirror/mirrored-objects';
import { entryIn } from './entry-schema.ts';
import { copyOf, failureOf } from './entry-parts.ts';

/** @returns the entry in a store's text; `null` if the text is not a valid entry, which counts as absent */
export function parseEntry(text: string): Entry | null {
  try {
    return entryIn(JSON.parse(text));
  } catch {
    return null;
  }
}

/** The fields of a copy as the scripts expect them: the JSON of an object without its braces. */
export function copyFields(copy: Copy): string {
  return withoutBraces(copyOf(copy));
}

/** The fields of a failure that the scripts write into the entry unchanged: the JSON of an object without its braces. */
export function failureFields(failure: Failure): string {
  return withoutBraces(failureOf(failure));
}

/** Lone surrogates are replaced: an origin's text may contain them, and cjson in Redis refuses them. */
function withoutBraces(fields: object): string {
  const wellFormed = (_key: string, value: unknown): unknown =>
    typeof value === 'string' ? value.toWellFormed() : value;
  return JSON.stringify(fields, wellFormed).slice(1, -1);
}
