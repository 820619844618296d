/**
 * Encodes a key as the end of a path. A slash stays a slash, so that the last segment of the address is a file name. If
 * the key has an empty segment, its slashes are encoded, because proxies merge adjacent slashes.
 */
export function encodeObjectKey(key: string): string {
  const segments = key.split('/').map(encodeURIComponent);
  return segments.join(segments.includes('') ? '%2F' : '/');
}
