/** The longest document that a store keeps, in bytes of UTF-8. */
export const MAX_DOCUMENT_BYTES = 10 * 1024 ** 2;

export interface StateDocument {
  readonly text: string;
  /** Opaque. Differs whenever the text does. */
  readonly revision: string;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

/**
 * Keeps small named documents durably. Documents are few, read by all instances and changed seldom.
 *
 * All methods may be called concurrently, by several processes too. They throw a {@link StateError}.
 */
export interface StateStore extends AsyncDisposable {
  /** How often a reader may ask whether a document has changed, in milliseconds. */
  readonly pollMs: number;

  /**
   * Finds out whether the store can do what this port promises. Call it once, at the start.
   * @throws StateError `state_unsupported` if it cannot; `state_unavailable` if it cannot be reached now. In that case the
   *   store repeats the check before its first write
   */
  check(options?: CallOptions): Promise<void>;

  /**
   * Reads the newest version of a document.
   * @param options.known a revision that the caller has. If it is still the newest, the answer is `unchanged`
   * @returns null if there is no such document
   * @throws StateError `state_unavailable`, `state_too_large`
   */
  read(
    name: string,
    options?: CallOptions & { readonly known?: string | undefined },
  ): Promise<StateDocument | 'unchanged' | null>;

  /**
   * Replaces a document, or creates it. When the call returns, the new version survives a power failure, and every later
   * read returns it. A reader never sees a part of a version. Of several writes with the same `expected`, one succeeds.
   * @param options.expected the revision that is replaced; null if there must be no document
   * @returns the new revision
   * @throws StateError `state_conflict` if the document has another revision, `state_too_large`, `state_unsupported`;
   *   `state_unavailable`: the write may or may not have happened
   */
  write(
    name: string,
    text: string,
    options: CallOptions & { readonly expected: string | null },
  ): Promise<string>;
}

export type StateErrorCode = 'state_conflict' | 'state_unavailable' | 'state_too_large' | 'state_unsupported';

export class StateError extends Error {
  override readonly name = 'StateError';
  readonly code: StateErrorCode;

  constructor(code: StateErrorCode, message: string, options: { readonly cause?: unknown } = {}) {
    super(message, options);
    this.code = code;
  }

  /** Whether the same call may succeed later. */
  get retryable(): boolean {
    return this.code === 'state_unavailable' || this.code === 'state_conflict';
  }
}

/** @throws TypeError if it is not a name of a document: small letters, digits and dashes */
export function requireDocumentName(name: string): void {
  if (!/^[a-z][a-z0-9-]{0,62}$/.test(name)) throw new TypeError(`${name} is not a name of a document`);
}

/** @throws StateError `state_too_large` */
export function requireSize(name: string, bytes: number, most = MAX_DOCUMENT_BYTES): void {
  if (bytes > most)
    throw new StateError('state_too_large', `the document ${name} has ${bytes} bytes, more than ${most}`);
}
