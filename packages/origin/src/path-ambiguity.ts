/** Rounds of decoding that a chain of servers may apply. A path that is still encoded after them is refused. */
const MAX_DECODINGS = 5;

/** Characters that best-fit conversions to ASCII (IIS, Java on Windows) turn into `/`, `\` and dots. */
const LOOKALIKES: Readonly<Record<string, string>> = {
  '\u2044': '/',
  '\u2215': '/',
  '\uff0f': '/',
  '\u2216': '/',
  '\ufe68': '/',
  '\uff3c': '/',
  '\u2024': '.',
  '\ufe52': '.',
  '\uff0e': '.',
  '\u2025': '..',
};
const LOOKALIKE = new RegExp(`[${Object.keys(LOOKALIKES).join('')}]`, 'g');

/** Stands for a byte that is not UTF-8. Some servers remove such bytes. */
const NOT_UTF8 = '\ufffd';

/**
 * A segment that some server takes for `.` or `..`: dots among characters that servers remove or trim (control
 * characters, white space, invisible characters, invalid bytes), up to the end of the segment or to a character at which
 * servers cut it (NUL, a line break, a path parameter, a query, a fragment, the stream of an NTFS file).
 */
const DOT_SEGMENT = /(?:^|\/)[\p{Cc}\p{Cf}\s\ufffd]*\.[.\p{Cc}\p{Cf}\s\ufffd]*(?:[\0\r\n;?#:]|\/|$)/u;
/** Three dots or more are a name on today's systems, if nothing is hidden among them. */
const NAME_OF_DOTS = /(^|\/)\.{3,}(?=\/|$)/g;

/**
 * Why a path must not be compared with the path of a rule: some server might see another path in it than the URL parser
 * does (path traversal), and so leave the folder that the rule allows. `null` if the path is unambiguous.
 *
 * Assumes the most lenient server: one that percent-decodes again and again, also `%u002e` (IIS) and overlong UTF-8
 * (RFC 3629, section 3), that takes a backslash for a slash, and that removes or cuts at characters that do not belong
 * into a name. The text is for clients and does not quote the path.
 */
export function pathAmbiguity(pathname: string): string | null {
  // The URL parser has already resolved literal dot segments.
  if (!/[%;\\:]/.test(pathname)) return null;
  let path = pathname;
  for (let round = 0; ; round += 1) {
    const fault = faultOf(path);
    if (fault !== null) return fault;
    const decoded = decodeOnce(path);
    if (decoded === path) return null;
    if (round === MAX_DECODINGS) return 'the path is percent-encoded too many times';
    path = decoded;
  }
}

function faultOf(path: string): string | null {
  const text = decodeUtf8Leniently(path);
  if (text.includes('\\')) return 'the path contains a backslash, which some servers take for a slash';
  if (percentSigns(text) > percentSigns(path)) return 'the path contains a percent sign in overlong UTF-8';
  const folded = text.replace(LOOKALIKE, (character) => LOOKALIKES[character] ?? character);
  return DOT_SEGMENT.test(folded.replace(NAME_OF_DOTS, '$1-'))
    ? 'the path contains encoded dot segments'
    : null;
}

function percentSigns(text: string): number {
  return text.split('%').length - 1;
}

/** Decodes `%2e` to a byte and `%u002e` to a character. Repeated encoding of the `%` counts as one round. */
function decodeOnce(path: string): string {
  return path.replace(/%(?:25)*(?:u([0-9a-f]{4})|([0-9a-f]{2}))/gi, (_, unit?: string, byte?: string) =>
    String.fromCharCode(Number.parseInt(unit ?? byte ?? '', 16)),
  );
}

/**
 * Decodes the bytes from 0x80 on in `text`, one character each, as UTF-8. Accepts overlong forms and, in two-byte forms
 * of ASCII, any second byte, as lenient decoders do. Characters above U+00FF are kept.
 */
function decodeUtf8Leniently(text: string): string {
  return text.replace(/[\x80-\xff][\x00-\x3f\x80-\xbf]?[\x80-\xbf]{0,4}/g, decodeBytes);
}

function decodeBytes(bytes: string): string {
  let decoded = '';
  for (let at = 0; at < bytes.length;) {
    const { character, length } = decodeCharacter(bytes, at);
    decoded += character;
    at += length;
  }
  return decoded;
}

function decodeCharacter(bytes: string, at: number): { readonly character: string; readonly length: number } {
  const lead = bytes.charCodeAt(at);
  if (lead < 0x80) return { character: bytes.charAt(at), length: 1 };
  const length = lead < 0xc0 ? 1 : Math.clz32(~(lead << 24));
  const tail = bytes.slice(at + 1, at + length);
  const isWhole = length > 1 && length <= 6 && tail.length === length - 1;
  const isTail = (lead <= 0xc1 ? /^[^]$/ : /^[\x80-\xbf]+$/).test(tail);
  if (!isWhole || !isTail) return { character: NOT_UTF8, length: 1 };
  let code = lead & (0x7f >> length);
  for (const byte of tail) code = code * 64 + (byte.charCodeAt(0) & 0x3f);
  return { character: code > 0x10ffff ? NOT_UTF8 : String.fromCodePoint(code), length };
}
