/** The longest normal form of a prefix in bytes of UTF-8: as long as the longest key of S3. */
export const LONGEST_PATH_BYTES = 1024;

/**
 * The normal form of a prefix: a slash before each segment and none at the end; empty segments are dropped, so `a/b/`,
 * `/a/b` and `/a//b/` are one prefix. `/` is the prefix of all paths.
 * @returns null if no request can have the prefix: it has a `.` or `..` segment, a NUL or a lone surrogate, or it is
 *   longer than {@link LONGEST_PATH_BYTES}
 */
export function normalRoutePath(text: string): string | null {
  const segments = text.split('/').filter((segment) => segment !== '');
  if (segments.some((segment) => segment === '.' || segment === '..')) return null;
  const path = `/${segments.join('/')}`;
  if (path.includes('\0') || !path.isWellFormed() || Buffer.byteLength(path) > LONGEST_PATH_BYTES)
    return null;
  return path;
}
