/** Error classes that the JavaScript engine throws for defects of a program. */
const BY_JAVASCRIPT = [TypeError, RangeError, ReferenceError, SyntaxError, URIError];

/**
 * Whether an SDK call failed because of a defect in the mirror or the SDK, and not because of the service, the network or
 * an invalid value. TypeErrors of Node have a `code`. The SDK adds `$response` to errors from parsing an answer, and
 * `$metadata` to errors of the service.
 */
export function isProgramDefect(error: unknown): boolean {
  if (!BY_JAVASCRIPT.some((kind) => error instanceof kind)) return false;
  return !['code', '$response', '$metadata'].some((key) => key in (error as object));
}
