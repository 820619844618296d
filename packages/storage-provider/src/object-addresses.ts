/** Facet of a store: the addresses at which clients read objects. */
export interface ObjectAddresses {
  /** `public` addresses have no signature, never change, and serve both GET and HEAD. */
  readonly access: 'public' | 'signed';

  /**
   * The address at which a client reads the object. Does not check whether the object exists.
   * A signed address serves only this key and this method, and only for the configured time.
   */
  urlFor(key: string, method: ReadMethod): Promise<string>;
}

export type ReadMethod = 'GET' | 'HEAD';
export type SignedMethod = ReadMethod | 'PUT' | 'DELETE' | 'POST';

/**
 * Capability: signed addresses for any request about an object. Stores without it (kind `filesystem`) only have addresses
 * for reads. Check {@link signsRequests} first.
 */
export interface RequestSigner {
  /**
   * Signs an address for one kind of request, even if `access` is `public`. A client that has the address acts with the
   * permissions of the credentials that signed it.
   * @throws StorageError `store_forbidden` if the credentials have expired
   */
  urlFor(key: string, method: SignedMethod, signed: SignedAddressOptions): Promise<string>;
  /**
   * Like {@link urlFor}, without waiting. Returns null if something must be loaded first; then call `urlFor`.
   * @throws StorageError as `urlFor`
   */
  urlNow(key: string, method: SignedMethod, signed: SignedAddressOptions): string | null;
  /** The methods that can be signed. */
  readonly signedMethods: readonly SignedMethod[];
}

export interface SignedAddressOptions {
  /** For how long the address is valid, from 1 to 604,800. Limited to the validity of the credentials that sign it. */
  readonly seconds: number;
  /** Headers, besides `host`, that the request must send with exactly these values. Names are in lower case. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Sub-resources and other parameters, not encoded: `{ uploadId: 'x', partNumber: '1' }`, `{ uploads: '' }`. */
  readonly query?: Readonly<Record<string, string>> | undefined;
}

export function signsRequests<Store extends ObjectAddresses>(store: Store): store is Store & RequestSigner {
  return 'signedMethods' in store;
}
