import { randomUUID } from 'node:crypto';

/** UUIDs, ULIDs, hex, base64 and the trace identifiers of load balancers; nothing that could forge a log line. */
const SANE = /^[A-Za-z0-9._~:=+/@-]{1,128}$/;

/** The client's own identifier of the request where it is sane, else a fresh one. */
export function requestIdOf(header: string | readonly string[] | undefined): string {
  return typeof header === 'string' && SANE.test(header) ? header : randomUUID();
}
