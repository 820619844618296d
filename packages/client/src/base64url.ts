/** Base64url without padding (RFC 4648, section 5) of the UTF-8 of `text`, which must be well-formed Unicode. */
export function encodeBase64url(text: string): string {
  let binary = '';
  for (const byte of new TextEncoder().encode(text)) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

/**
 * The inverse of {@link encodeBase64url}. `null` for anything that function does not produce: padding, another
 * alphabet, non-zero trailing bits, or bytes that are not UTF-8.
 */
export function decodeBase64url(encoded: string): string | null {
  if (!/^[A-Za-z0-9_-]*$/.test(encoded)) return null;
  let text: string;
  try {
    const binary = atob(encoded.replaceAll('-', '+').replaceAll('_', '/'));
    const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
  // `atob` ignores non-zero trailing bits, but each text must have only one valid encoding.
  return encodeBase64url(text) === encoded ? text : null;
}
