import { jsonHeaders } from '@cloud-mirror/http-service';
import type { RedirectAnswer } from './redirect-answer.ts';

/** The part of a redirect's HTTP message that is the same for every client: everything after the request identifier. */
export type MessageTail = string & { readonly messageTail: true };

/** The status of every hit. */
export const REDIRECTED = 302;

const PRINTABLE_ASCII = /^[ -~]*$/;

/** @returns null if a header or the body is not printable ASCII; the application must then answer */
export function messageTail({ headers, body }: RedirectAnswer): MessageTail | null {
  const json = JSON.stringify(body);
  if (!PRINTABLE_ASCII.test(json)) return null;
  let head = `\r\nContent-Length: ${json.length}\r\n`;
  const fields = jsonHeaders(headers);
  for (const name in fields) {
    const value = fields[name] ?? '';
    if (!PRINTABLE_ASCII.test(value)) return null;
    head += `${name}: ${value}\r\n`;
  }
  return `${head}\r\n${json}` as MessageTail;
}

/**
 * A flat copy of a string that is kept for long. V8 represents a concatenation as a rope, and a sliced string would keep
 * its parent alive.
 */
export function flatString<T extends string>(text: T): T {
  return Buffer.from(text).toString() as T;
}

/** The first part of a redirect's HTTP message, up to the request identifier. The connection is kept alive. */
export class MessageStart {
  readonly #keepAliveSeconds: number;
  #second = NaN;
  #start = '';

  constructor(keepAliveSeconds: number) {
    this.#keepAliveSeconds = keepAliveSeconds;
  }

  now(): string {
    const second = Math.floor(Date.now() / 1000);
    if (second !== this.#second) {
      const date = new Date(second * 1000).toUTCString();
      const kept = `Connection: keep-alive\r\nKeep-Alive: timeout=${this.#keepAliveSeconds}`;
      this.#start = flatString(`HTTP/1.1 ${REDIRECTED} Found\r\nDate: ${date}\r\n${kept}\r\nX-Request-Id: `);
      this.#second = second;
    }
    return this.#start;
  }
}
