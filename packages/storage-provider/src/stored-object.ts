export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

/**
 * The origin's headers about the object, as received. Adapters store them after {@link storableHeaders} has removed
 * unsafe values.
 */
export interface ObjectHeaders {
  /** `application/octet-stream` if the origin sent none. */
  readonly contentType: string;
  readonly contentEncoding?: string | undefined;
  readonly contentDisposition?: string | undefined;
  readonly contentLanguage?: string | undefined;
  readonly cacheControl?: string | undefined;
  /** An HTTP date in the format IMF-fixdate. */
  readonly expires?: string | undefined;
}

export interface StoredObject {
  /** `null` if the store does not say, for example if a gateway removes Content-Length. */
  readonly sizeBytes: number | null;
  /** As the store returns it, with quotes; `null` if it returns none. */
  readonly etag: string | null;
  readonly storedAt: Date;
  /** When the store will remove the object by itself; `null` if it will not or does not say. */
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
