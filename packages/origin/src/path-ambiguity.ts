/** Rounds of percent-decoding to assume in a chain of servers. */
const MAX_DECODINGS = 3;

/**
 * Whether a server might see `..` or `.` segments in a path where the URL parser sees none (path traversal): because it
 * decodes `%2f`, `%5c` or `%2e` (even encoded twice), treats a backslash as a slash, or strips path parameters (`..;`).
 * Such a path can leave the folder that a rule allows.
 */
export function hasHiddenDotSegment(pathname: string): boolean {
  // The URL parser has already resolved literal dot segments.
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
