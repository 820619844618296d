/** Rounds of decoding that a chain of servers may do. */
const MAX_DECODINGS = 3;

/**
 * Whether a server might read `..` or `.` segments out of a path where the URL parser saw none: by decoding `%2f`,
 * `%5c` or `%2e` (also encoded twice), by taking a backslash for a slash, or by cutting path parameters (`..;`).
 * Such a path can lead out of the folder that a rule names.
 */
export function hasHiddenDotSegment(pathname: string): boolean {
  // The parser has resolved the plain ones.
  if (!/[%;\\]/.test(pathname)) return false;
  let path = pathname.toLowerCase();
  for (let round = 0; round < MAX_DECODINGS; round += 1) {
    path = path.replace(/%(25|2e|2f|5c|3b)/g, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
    if (/(?:^|[/\\])\.{1,2}(?:;[^/\\]*)?(?:[/\\]|$)/.test(path)) return true;
  }
  return false;
}
