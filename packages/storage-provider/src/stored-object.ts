export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

/**
 * Headers of the origin that travel with the bytes, as received. Adapters store what {@link storableHeaders} leaves of
 * them.
 */
export interface ObjectHeaders {
  /** `application/octet-stream` where the origin named none. */
  readonly contentType: string;
  readonly contentEncoding?: string | undefined;
  readonly contentDisposition?: string | undefined;
  readonly contentLanguage?: string | undefined;
  readonly cacheControl?: string | undefined;
  /** An HTTP date in the form of IMF-fixdate. */
  readonly expires?: string | undefined;
}

export interface StoredObject {
  /** `null` if the store does not say: a gateway in front of it leaves out Content-Length. */
  readonly sizeBytes: number | null;
  /** As the store gives it, quotes included; `null` where it gives none. */
  readonly etag: string | null;
  readonly storedAt: Date;
  /** When the store will remove the object by itself; `null` where it will not, or does not say. */
  readonly expiresAt: Date | null;
  readonly headers: ObjectHeaders;
  readonly metadata: Readonly<Record<string, string>>;
}

export interface ListedObject {
  readonly key: string;
  readonly etag: string | null;
  readonly sizeBytes: number;
  readonly storedAt: Date;
}

/** An object whose length is known. */
export type MeasuredObject = StoredObject & { readonly sizeBytes: number };
