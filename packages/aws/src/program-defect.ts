/** Errors that JavaScript itself throws where a program is wrong. */
const BY_JAVASCRIPT = [TypeError, RangeError, ReferenceError, SyntaxError, URIError];

/**
 * Whether an SDK call failed by a defect of a program, here or in the SDK, and not by the service, the network or an
 * invalid value. Node gives its own TypeErrors a `code`. The SDK adds `$response` to errors from parsing an answer, and
 * `$metadata` to those of the service.
 */
export function isProgramDefect(error: unknown): boolean {
  if (!BY_JAVASCRIPT.some((kind) => error instanceof kind)) return false;
  return !['code', '$response', '$metadata'].some((key) => key in (error as object));
}
