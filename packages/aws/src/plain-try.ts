/** How a request without the SDK ended. */
export type PlainTry<Answer> =
  | { readonly kind: 'answered'; readonly answer: Answer }
  /** It was sent, and what came says nothing that is understood here: the SDK asks next, with its errors and tries. */
  | {
      readonly kind: 'unclear';
      /** The store asks for a pause: 429 or 5xx. */
      readonly pause: boolean;
    }
  /** Nothing was sent: the SDK makes the first try. */
  | { readonly kind: 'not_sent' };

export const NOT_SENT: PlainTry<never> = { kind: 'not_sent' };

export function answered<Answer>(answer: Answer): PlainTry<Answer> {
  return { kind: 'answered', answer };
}

/** @param status `undefined` where no answer came */
export function unclear(status?: number): PlainTry<never> {
  return { kind: 'unclear', pause: status !== undefined && (status >= 500 || status === 429) };
}
