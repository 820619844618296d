const MAX_DEPTH = 8;
const MAX_ERRORS = 16;

/**
 * Flattens an error and its causes, outermost first. Follows `cause`; the members of an AggregateError (one for each
 * address that was tried) come right after it. Bounded, and safe for cyclic causes.
 */
export function causeChain(error: unknown): readonly Error[] {
  const chain: Error[] = [];
  const visit = (value: unknown, depth: number): void => {
    if (!(value instanceof Error) || depth > MAX_DEPTH || chain.length >= MAX_ERRORS || chain.includes(value))
      return;
    chain.push(value);
    if (value instanceof AggregateError) for (const member of value.errors) visit(member, depth + 1);
    visit(value.cause, depth + 1);
  };
  visit(error, 1);
  return chain;
}

/** The `code` of an error, such as `ECONNRESET`; `null` if it has none. */
export function codeOf(error: Error): string | null {
  const { code } = error as { readonly code?: unknown };
  return typeof code === 'string' ? code : null;
}
