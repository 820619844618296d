/** RFC 4648 section 5, without padding, of the UTF-8 of `text`. `text` must be well-formed Unicode. */
export function encodeBase64url(text: string): string {
  let binary = '';
  for (const byte of new TextEncoder().encode(text)) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

/**
 * The inverse of {@link encodeBase64url}; `null` where `encoded` is not what that function makes: padding, another
 * alphabet, left-over bits, or bytes that are not UTF-8.
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
  // `atob` ignores left-over bits: only one spelling of a text may count.
  return encodeBase64url(text) === encoded ? text : null;
}
