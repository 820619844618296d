/** Facet of a store: addresses at which clients read objects. */
export interface ObjectAddresses {
  /** Whether an address needs no signature. Public addresses never change and serve GET and HEAD alike. */
  readonly access: 'public' | 'signed';

  /**
   * The address at which a client reads the object. Does not look whether it exists.
   * A signed address serves only this key and this method, and only for the configured time.
   */
  urlFor(key: string, method: ReadMethod): Promise<string>;
}

export type ReadMethod = 'GET' | 'HEAD';
export type SignedMethod = ReadMethod | 'PUT' | 'DELETE' | 'POST';

/**
 * Capability: signed addresses for any request about an object. Stores without it (kind `filesystem`) have addresses for
 * reading only: ask {@link signsRequests} first.
 */
export interface RequestSigner {
  /**
   * An address that allows one kind of request, whatever `access` says of reading. Whoever has it acts with the permissions
   * of the credentials that signed it.
   * @throws StorageError `store_forbidden` where the credentials have expired
   */
  urlFor(key: string, method: SignedMethod, signed: SignedAddressOptions): Promise<string>;
  /** The methods that are signed. */
  readonly signedMethods: readonly SignedMethod[];
}

export interface SignedAddressOptions {
  /** Life of the address, 1 to 604,800. Cut to the life of the credentials that sign it. */
  readonly seconds: number;
  /** Headers that the request has to carry with just these values; names in lower case, without `host`. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Sub-resources and other parameters, not encoded: `{ uploadId: 'x', partNumber: '1' }`, `{ uploads: '' }`. */
  readonly query?: Readonly<Record<string, string>> | undefined;
}

export function signsRequests<Store extends ObjectAddresses>(store: Store): store is Store & RequestSigner {
  return 'signedMethods' in store;
}
