import { createHmac, createSecretKey, timingSafeEqual, type KeyObject } from 'node:crypto';
import { encodeObjectKey } from './object-key-text.ts';
import { OBJECTS_PATH, type SignedObjectTarget } from './signed-object-target.ts';

/** A request about one routed object. */
export interface ObjectRequest {
  readonly method: string;
  /** The back end: `service/region`. */
  readonly store: string;
  readonly key: string;
  /** Sub-resources and `response-*`, not encoded. */
  readonly query: Readonly<Record<string, string>>;
  /** The request's headers that count (see `isCountingHeader`), with names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
}

/** `expired`: the signature was valid. `mismatch`: it is for another request, or of another key. */
export type SignatureVerdict = 'valid' | 'expired' | 'mismatch';

/**
 * Signs addresses of routed objects in folders, and verifies the requests to them. The signature is an HMAC-SHA-256 over
 * the method, the back end, the key, the query with the expiry, and the headers that count.
 *
 * The query of an address: the parameters of the request, `expires` (seconds since 1970), `headers` (the signed names,
 * joined by `;`), and last `signature` (64 hex digits).
 */
export class ObjectSigner {
  readonly #key: KeyObject;

  /** @param key at least 32 random bytes, the same in all processes of a deployment */
  constructor(key: Uint8Array) {
    this.#key = createSecretKey(key);
  }

  /** @returns the path and query of an address that serves only this request, until `expires` (seconds since 1970) */
  sign(request: ObjectRequest, expires: number): string {
    const query = [
      ...Object.entries(request.query).map(
        ([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`,
      ),
      `expires=${expires}`,
      `headers=${Object.keys(request.headers).sort().join(';')}`,
    ].join('&');
    const signature = this.#signature(request, query).toString('hex');
    return `${OBJECTS_PATH}${request.store}/${encodeObjectKey(request.key)}?${query}&signature=${signature}`;
  }

  /**
   * Verifies a request that has arrived.
   * @param headers all headers of the request that count: one that is not signed is a mismatch
   */
  verify(
    method: string,
    target: SignedObjectTarget,
    headers: Readonly<Record<string, string>>,
    now: Date,
  ): SignatureVerdict {
    const { signedHeaders, signedQuery, signature, expires } = target;
    const names = Object.keys(headers).sort();
    if (names.join(';') !== signedHeaders.join(';')) return 'mismatch';
    const expected = this.#signature({ ...target, method, headers }, signedQuery);
    if (!timingSafeEqual(expected, signature)) return 'mismatch';
    return now.getTime() > expires * 1000 ? 'expired' : 'valid';
  }

  #signature({ method, store, key, headers }: Omit<ObjectRequest, 'query'>, query: string): Buffer {
    const lines = Object.entries(headers).sort(([one], [other]) => (one < other ? -1 : 1));
    // JSON delimits the parts unambiguously.
    const text = JSON.stringify([method, store, key, query, lines]);
    return createHmac('sha256', this.#key).update(text).digest();
  }
}
