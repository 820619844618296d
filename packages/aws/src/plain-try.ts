/** The result of a direct request, without the SDK. */
export type PlainTry<Answer> =
  | { readonly kind: 'answered'; readonly answer: Answer }
  /** The request was sent, but its answer was not understood. The SDK sends it next, with its errors and retries. */
  | {
      readonly kind: 'unclear';
      /** Whether to back off before the next try: the answer was 429 or 5xx. */
      readonly pause: boolean;
    }
  /** Nothing was sent, so the SDK makes the first try. */
  | { readonly kind: 'not_sent' };

export const NOT_SENT: PlainTry<never> = { kind: 'not_sent' };

export function answered<Answer>(answer: Answer): PlainTry<Answer> {
  return { kind: 'answered', answer };
}

/** @param status `undefined` if no answer came */
export function unclear(status?: number): PlainTry<never> {
  return { kind: 'unclear', pause: status !== undefined && (status >= 500 || status === 429) };
}
