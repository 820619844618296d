/** The codes are those of `getaddrinfo`, which callers already know. */
export type NameLookupErrorCode =
  /** The name does not exist. */
  | 'ENOTFOUND'
  /** The name exists, but has no address. */
  | 'EAI_NODATA'
  /** No answer, or a failure of the name servers, or too many look-ups at once: another try may succeed. */
  | 'EAI_AGAIN';

/** A name that could not be looked up. The message is for operators and names the cause. */
export class NameLookupError extends Error {
  override readonly name = 'NameLookupError';
  readonly code: NameLookupErrorCode;
  readonly retryable: boolean;

  constructor(code: NameLookupErrorCode, message: string) {
    super(message);
    this.code = code;
    this.retryable = code === 'EAI_AGAIN';
  }
}
