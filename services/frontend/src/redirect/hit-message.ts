import { jsonHeaders } from '@cloud-mirror/http-service';
import type { RedirectAnswer } from './redirect-answer.ts';

/** What of a redirect's HTTP message is the same for everyone who gets it: all that follows the request's identifier. */
export type MessageRest = string & { readonly messageRest: true };

/** The one status of hits. */
export const REDIRECTED = 302;

const PRINTABLE_ASCII = /^[ -~]*$/;

/** `null`: not all of it is ASCII that headers can carry; the application knows what to do. */
export function messageRest({ headers, body }: RedirectAnswer): MessageRest | null {
  const json = JSON.stringify(body);
  if (!PRINTABLE_ASCII.test(json)) return null;
  let head = `\r\nContent-Length: ${json.length}\r\n`;
  const fields = jsonHeaders(headers);
  for (const name in fields) {
    const value = fields[name] ?? '';
    if (!PRINTABLE_ASCII.test(value)) return null;
    head += `${name}: ${value}\r\n`;
  }
  return `${head}\r\n${json}` as MessageRest;
}

/**
 * The same text in one piece of memory: what is put together from others stays so until somebody reads it, and what is
 * cut out of another keeps that alive.
 */
export function inOnePiece<T extends string>(text: T): T {
  return Buffer.from(text).toString() as T;
}

/** How messages of redirects begin, up to the request's identifier. The connection is kept. */
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
      this.#start = inOnePiece(`HTTP/1.1 ${REDIRECTED} Found\r\nDate: ${date}\r\n${kept}\r\nX-Request-Id: `);
      this.#second = second;
    }
    return this.#start;
  }
}
