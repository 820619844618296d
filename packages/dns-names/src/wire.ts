import { HEADER_BYTES, MOST_NAME_BYTES } from './constants.ts';

/*
 * What dns-packet does not tell: where the parts of a message are. Names are compared, and messages shortened, as bytes, so
 * that a name that is no text and a type of tomorrow stay as they are.
 */

/** A message that ends too early, or has a label that no RFC defines. */
export class WireError extends Error {
  override readonly name = 'WireError';
}

const POINTER = 0xc0;

/** @returns the offset after a name, which may end with a compression pointer. Pointers are not followed. */
export function endOfName(message: Buffer, offset: number): number {
  let at = offset;
  for (;;) {
    const length = message[at];
    if (length === undefined) throw new WireError('the message ends within a name');
    if ((length & POINTER) === POINTER) return at + 2;
    if ((length & POINTER) !== 0) throw new WireError('a label of an unknown kind');
    at += length + 1;
    if (length === 0) return at;
  }
}

export interface QuestionBytes {
  /** Name, type and class, as received. */
  readonly bytes: Buffer;
  /** In lower case. */
  readonly labels: readonly Buffer[];
  readonly type: number;
  readonly class: number;
}

/**
 * Reads the first question. Its name has no pointer: nothing precedes it that a pointer could lead to.
 * @throws WireError
 */
export function readQuestion(message: Buffer): QuestionBytes {
  const labels: Buffer[] = [];
  let at = HEADER_BYTES;
  for (;;) {
    const length = message[at];
    if (length === undefined) throw new WireError('the message ends within its question');
    if ((length & POINTER) !== 0) throw new WireError('a pointer in the name of the question');
    if (length === 0) break;
    labels.push(message.subarray(at + 1, at + 1 + length));
    at += length + 1;
    if (at - HEADER_BYTES >= MOST_NAME_BYTES) throw new WireError('the name is too long');
  }
  const end = at + 5;
  if (end > message.length) throw new WireError('the message ends within its question');
  return {
    bytes: message.subarray(HEADER_BYTES, end),
    labels: labels.map((label) => inLowerCase(label, label.length)),
    type: message.readUInt16BE(end - 4),
    class: message.readUInt16BE(end - 2),
  };
}

/** The bytes of a question by which it equals others: names have no case (RFC 4343). */
export function foldedQuestion(question: Buffer): Buffer {
  return inLowerCase(question, question.length - 4);
}

/** Lengths of labels are below 64, so they are no capital letters. */
function inLowerCase(bytes: Buffer, end: number): Buffer {
  const lower = Buffer.from(bytes);
  for (let at = 0; at < end; at += 1) {
    const byte = lower[at] ?? 0;
    if (byte >= 0x41 && byte <= 0x5a) lower[at] = byte + 0x20;
  }
  return lower;
}
