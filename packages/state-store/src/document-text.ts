import { randomUUID } from 'node:crypto';

/** A document as it is stored: the value with the number of its version. */
export interface StoredVersion {
  /** Counts the changes of the document from 1. */
  readonly number: number;
  /** Random, so that two versions never have the same text, and a process recognizes its own write. */
  readonly id: string;
  /** In the form of the document, not validated. */
  readonly value: unknown;
}

/** Format 1: `{"format":1,"number":17,"id":"…","value":…}` */
const FORMAT = 1;

export function nextVersion(after: StoredVersion | null, value: unknown): StoredVersion {
  return { number: (after?.number ?? 0) + 1, id: randomUUID().slice(0, 8), value };
}

export function textOfVersion({ number, id, value }: StoredVersion): string {
  return JSON.stringify({ format: FORMAT, number, id, value });
}

/** @throws Error if the text is not a document of this format */
export function versionOfText(name: string, text: string): StoredVersion {
  const unreadable = (what: string): Error => new Error(`the document ${name} ${what}`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    // The parser's message quotes the text, which may contain secrets.
    throw unreadable('is not JSON');
  }
  if (typeof parsed !== 'object' || parsed === null) throw unreadable('is not an object');
  const { format, number, id, value } = parsed as Record<string, unknown>;
  if (format !== FORMAT) throw unreadable('has a format that this version of the program does not know');
  if (typeof number !== 'number' || typeof id !== 'string') throw unreadable('has no number or id');
  return { number, id, value };
}
