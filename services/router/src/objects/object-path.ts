import { HttpProblem } from '@cloud-mirror/http-service';

const PLAIN = /^[\x21-\x24\x26-\x7e]*$/;
const DOT_SEGMENT = /(?:^|\/)\.\.?(?:\/|$)/;

/**
 * Decodes the path of a request once. `%2F` becomes a slash like any other.
 * @param rawPath as node:http gives it: one character for each byte
 * @throws HttpProblem 400 for a faulty escape, bytes that are not UTF-8, NUL, and `.` or `..` segments. Clients remove such
 *   segments from addresses, so a signed address with one would lead to another object.
 */
export function decodePath(rawPath: string): string {
  const path = PLAIN.test(rawPath) ? rawPath : decoded(rawPath);
  if (path.includes('\0')) throw malformed('The path contains a NUL.');
  if (DOT_SEGMENT.test(path))
    throw malformed('The path has a segment "." or "..", which clients remove from addresses.');
  return path;
}

function decoded(rawPath: string): string {
  if (/%(?![0-9A-Fa-f]{2})/.test(rawPath))
    throw malformed('The path has a % without two hexadecimal digits: a percent sign is written %25.');
  const bytes = rawPath.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(bytes, 'latin1'));
  } catch (cause) {
    throw malformed('The path is not UTF-8.', cause);
  }
}

function malformed(detail: string, cause?: unknown): HttpProblem {
  return new HttpProblem(400, 'path_malformed', detail, { cause });
}
