import { randomUUID } from 'node:crypto';

/** Allows UUIDs, ULIDs, hex, base64 and trace identifiers of load balancers, but nothing that could forge a log line. */
const SANE = /^[A-Za-z0-9._~:=+/@-]{1,128}$/;

/** The client's own request identifier if it is acceptable, or else a new UUID. */
export function requestIdOf(header: string | readonly string[] | undefined): string {
  return typeof header === 'string' && SANE.test(header) ? header : randomUUID();
}
