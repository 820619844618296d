import { randomBytes } from 'node:crypto';

/** A new, unique token or generation: 128 random bits in base64url, which is safe in an object key. */
export function freshToken(): string {
  return randomBytes(16).toString('base64url');
}
