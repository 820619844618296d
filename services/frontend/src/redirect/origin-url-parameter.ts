import { normalizeOriginUrl } from '@cloud-mirror/origin';

export type ParameterFault =
  | 'url_missing'
  | 'url_not_encoded' // pasted without encoding, or decoded by a proxy
  | 'url_not_decodable' // neither base64 nor a percent-encoded URL
  | 'url_too_long';

/** The parameter does not name an object. */
export class ParameterError extends Error {
  override readonly name = 'ParameterError';
  readonly code: ParameterFault;

  constructor(code: ParameterFault, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/**
 * The longest spelling of a URL, per byte: base64 takes four characters for three bytes, and percent-encoding takes three for each
 * of them. Six leaves room to spare. A longer parameter is refused without decoding it.
 */
const RAW_CHARACTERS_PER_URL_BYTE = 6;

/**
 * Decodes the origin URL at the end of a raw path, and returns its normal form. Accepts every spelling of http-api.md: base64 of
 * either alphabet, with or without padding, with the line breaks of Python's `encode('base64')`, and the percent-encoded URL.
 * @throws ParameterError
 * @throws OriginUrlError the decoded text is not the URL of an origin
 */
export function decodeOriginUrlParameter(parameter: string, maxUrlBytes: number): URL {
  const raw = withoutFileName(parameter);
  if (raw === '') throw new ParameterError('url_missing', 'The path ends before the URL of an origin.');
  if (raw.length > maxUrlBytes * RAW_CHARACTERS_PER_URL_BYTE) throw tooLong(maxUrlBytes);
  const text = percentDecoded(raw);
  const url = normalizeOriginUrl(text.includes(':') ? wholeUrl(text, raw) : base64Decoded(text));
  if (url.href.length > maxUrlBytes) throw tooLong(maxUrlBytes);
  return url;
}

/**
 * Removes a file name at the end: a last segment that contains a `.`, plain or percent-encoded, which base64 never does. If it is
 * the only segment, it is the URL itself.
 */
function withoutFileName(parameter: string): string {
  const lastSlash = parameter.lastIndexOf('/');
  if (lastSlash === -1 || !/\.|%2e/i.test(parameter.slice(lastSlash))) return parameter;
  // The last segment of a URL that was not encoded belongs to the URL.
  return startsWithScheme(parameter) ? parameter : parameter.slice(0, lastSlash);
}

/** Whether the first segment is `https:` or `http:`, in any case, with a plain or percent-encoded colon. */
function startsWithScheme(parameter: string): boolean {
  return /^https?(?::|%3a)(?:\/|$)/i.test(parameter);
}

function wholeUrl(text: string, raw: string): string {
  if (raw.includes('/') || startsWithScheme(raw))
    throw new ParameterError(
      'url_not_encoded',
      'The path contains the URL of the origin without encoding, or a proxy has decoded it. Encode it as base64url, without padding.',
    );
  return text;
}

function percentDecoded(raw: string): string {
  if (/[^\x21-\x7e]/.test(raw)) throw notDecodable('it contains characters that are not allowed in a path');
  if (!raw.includes('%')) return raw;
  try {
    return decodeURIComponent(raw);
  } catch (cause) {
    throw notDecodable('its percent-encoding is invalid', cause);
  }
}

/**
 * Decodes base64 strictly, which `Buffer.from` does not: the decoded bytes must encode to the same text again. Otherwise two
 * different paths could name the same URL, by unused bits of the last digit.
 */
function base64Decoded(text: string): string {
  const { body, alphabet } = base64Body(withoutLineBreaks(text));
  const bytes = Buffer.from(body, alphabet);
  if (bytes.toString(alphabet).replace(/=+$/, '') !== body) throw notDecodable('it is not base64');
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw notDecodable('the decoded bytes are not UTF-8', cause);
  }
}

/** Splits off the padding, which must be complete or absent. The two alphabets must not be mixed. */
function base64Body(text: string): { body: string; alphabet: 'base64' | 'base64url' } {
  const [, body, padding] = /^([A-Za-z0-9+/]*|[A-Za-z0-9_-]*)(={0,2})$/.exec(text) ?? [];
  if (body === undefined || body === '') throw notDecodable('it is not base64');
  if (padding && (body.length + padding.length) % 4 !== 0)
    throw notDecodable('its base64 padding is invalid');
  return { body, alphabet: /[+/]/.test(body) ? 'base64' : 'base64url' };
}

/** Python 2's `encode('base64')` ends every line after 76 characters, and the last line too. */
function withoutLineBreaks(text: string): string {
  if (!text.includes('\n')) return text;
  if (!/^(?:[^\n]{76}\n)*[^\n]{1,76}\n?$/.test(text))
    throw notDecodable('its line breaks are not those of base64');
  return text.replaceAll('\n', '');
}

function notDecodable(why: string, cause?: unknown): ParameterError {
  return new ParameterError(
    'url_not_decodable',
    `The part of the path that names the origin's URL cannot be decoded: ${why}. Send RFC 4648 base64url, without padding.`,
    { cause },
  );
}

function tooLong(maxUrlBytes: number): ParameterError {
  return new ParameterError('url_too_long', `The URL of the origin has more than ${maxUrlBytes} bytes.`);
}
