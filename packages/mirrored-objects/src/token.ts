import { randomBytes } from 'node:crypto';

/** A token or generation that nobody drew before: 128 random bits, base64url, so that it may stand in an object key. */
export function freshToken(): string {
  return randomBytes(16).toString('base64url');
}
