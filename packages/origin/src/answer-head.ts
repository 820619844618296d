import { Transform, type TransformCallback } from 'node:stream';

/** A head up to the empty line that ends it, with empty lines before its first line (RFC 9112, 2.2). */
const HEAD = /^(?:\r?\n)*[^\r\n][^]*?\r?\n\r?\n/;
const INTERIM = /^(?:\r?\n)*HTTP\/\d\.\d 1\d\d\b/;
const SWITCHING = /^(?:\r?\n)*HTTP\/\d\.\d 101\b/;

/**
 * Forwards the bytes of one answer, with the interim responses before it. Replaces repeated Content-Length fields of
 * equal value with one field, as RFC 9112, 6.3 allows, because Node's parser refuses the repetition.
 */
export class AnswerHead extends Transform {
  readonly #maxBytes: number;
  #waiting: Buffer = Buffer.alloc(0);
  #text = '';
  #ended = false;

  /** @param maxBytes limit of a head; a longer one is forwarded unchanged, and the parser refuses it */
  constructor(maxBytes: number) {
    super();
    this.#maxBytes = maxBytes;
  }

  /** All heads received so far, unchanged, one character for each byte. */
  get text(): string {
    return this.#text;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    if (this.#ended) return done(null, chunk);
    this.#waiting = Buffer.concat([this.#waiting, chunk]);
    this.#forwardHeads();
    done();
  }

  override _flush(done: TransformCallback): void {
    if (this.#ended) return done();
    this.#text += this.#waiting.toString('latin1');
    done(null, this.#waiting);
  }

  #forwardHeads(): void {
    while (!this.#ended) {
      const head = HEAD.exec(this.#waiting.subarray(0, this.#maxBytes).toString('latin1'))?.[0];
      if (head === undefined && this.#waiting.length < this.#maxBytes) return;
      this.#text += head ?? this.#waiting.toString('latin1');
      this.#ended = head === undefined || !INTERIM.test(head) || SWITCHING.test(head);
      if (head !== undefined) this.push(Buffer.from(withOneLength(head), 'latin1'));
      const remainder = this.#waiting.subarray(head?.length ?? 0);
      this.#waiting = this.#ended ? Buffer.alloc(0) : remainder;
      if (this.#ended && remainder.length > 0) this.push(remainder);
    }
  }
}

const LENGTH_FIELD = /^content-length:[\t ]*([^\r\n]*?)[\t ]*\r?\n/gim;
const FOLDED_LENGTH = /^content-length:[^\n]*\n[\t ]/im;
const TRANSFER_ENCODING = /^transfer-encoding[\t ]*:/im;

/**
 * Replaces several Content-Length fields, or a list in one field, by one field if all values are equal. Leaves
 * ambiguous heads unchanged: those with different values, with a Transfer-Encoding too, or with folded fields.
 */
export function withOneLength(head: string): string {
  const fields = [...head.matchAll(LENGTH_FIELD)].map(([, value = '']) => value);
  const values = fields.flatMap((field) => field.split(',')).map((value) => value.trim());
  const [length = ''] = values;
  const isRepeated = values.length > 1 && values.every((value) => value === length) && /^\d+$/.test(length);
  if (!isRepeated || FOLDED_LENGTH.test(head) || TRANSFER_ENCODING.test(head)) return head;
  let written = false;
  return head.replace(LENGTH_FIELD, () => {
    const field = written ? '' : `Content-Length: ${length}\r\n`;
    written = true;
    return field;
  });
}
