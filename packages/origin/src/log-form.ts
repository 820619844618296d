import { isIP } from 'node:net';
import { isGlobalUnicast } from './address-guard.ts';

const MAX_PATH_CHARACTERS = 512;

/** What logs may say of a URL: host and path, never its query (it may be a signature) nor its user information. */
export function urlForLog(url: URL): string {
  const path = url.pathname;
  return `${url.host}${path.length > MAX_PATH_CHARACTERS ? `${path.slice(0, MAX_PATH_CHARACTERS)}…` : path}`;
}

/** How messages for clients name the host of a URL: internal addresses, to which a redirect may have led, are not told. */
export function hostForClients(url: URL): string {
  const address = url.hostname.replace(/^\[|\]$/g, '');
  return isIP(address) !== 0 && !isGlobalUnicast(address) ? 'a private address' : url.host;
}
