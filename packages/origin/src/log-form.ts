import { isIP } from 'node:net';
import { isGlobalUnicast } from './address-guard.ts';

const MAX_PATH_CHARACTERS = 512;

/** A URL as logs may show it: host and path, without the query (it may be a signature) and the user information. */
export function urlForLog(url: URL): string {
  const path = url.pathname;
  return `${url.host}${path.length > MAX_PATH_CHARACTERS ? `${path.slice(0, MAX_PATH_CHARACTERS)}…` : path}`;
}

/** The host of a URL as messages for clients name it. Hides internal addresses, to which a redirect may have led. */
export function hostForClients(url: URL): string {
  const address = url.hostname.replace(/^\[|\]$/g, '');
  return isIP(address) !== 0 && !isGlobalUnicast(address) ? 'a private address' : url.host;
}
