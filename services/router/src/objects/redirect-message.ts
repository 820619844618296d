/** The status of every signed redirect. */
export const REDIRECTED = 307;

/** The HTTP message of a signed redirect on a connection that is kept. */
export class RedirectMessages {
  readonly #keepAliveSeconds: number;
  #second = NaN;
  #start = '';

  constructor(keepAliveSeconds: number) {
    this.#keepAliveSeconds = keepAliveSeconds;
  }

  of(requestId: string, location: string, life: number): string {
    return `${this.#startNow()}${requestId}\r\nCache-Control: ${cacheControl(life)}\r\nLocation: ${location}\r\n\r\n`;
  }

  /** The message up to the request identifier, made once a second. */
  #startNow(): string {
    const second = Math.floor(Date.now() / 1000);
    if (second !== this.#second) {
      const date = new Date(second * 1000).toUTCString();
      const kept = `Connection: keep-alive\r\nKeep-Alive: timeout=${this.#keepAliveSeconds}`;
      this.#start = `HTTP/1.1 ${REDIRECTED} Temporary Redirect\r\nDate: ${date}\r\n${kept}\r\nContent-Length: 0\r\nX-Request-Id: `;
      this.#second = second;
    }
    return this.#start;
  }
}

/** A redirect may be used again until just before its address expires. */
export function cacheControl(life: number): string {
  return `private, max-age=${life - 1}`;
}
