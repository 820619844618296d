import { normalizeOriginUrl } from '@cloud-mirror/origin';

export type ParameterFault =
  | 'url_missing'
  | 'url_not_encoded' // pasted as it is, or decoded by a proxy on the way
  | 'url_not_decodable' // neither base64 nor a percent-encoded URL
  | 'url_too_long';

/** The parameter does not say which object is meant. */
export class ParameterError extends Error {
  override readonly name = 'ParameterError';
  readonly code: ParameterFault;

  constructor(code: ParameterFault, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/**
 * Longest spelling of a URL: base64 takes four characters for three bytes, each of them percent-encoded takes three.
 * What is longer is refused unread, as a fragment of that size helps nobody.
 */
const RAW_CHARACTERS_PER_URL_BYTE = 6;

/**
 * The origin URL, in normal form, that the rest of a raw path names. Every spelling of http-api.md is taken: base64 of
 * either alphabet, padded or not, with the line breaks of Python's `encode('base64')`, and the percent-encoded URL.
 * @throws ParameterError
 * @throws OriginUrlError what was decoded is not the URL of an origin
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
 * A last segment with a `.` in it, as it is or percent-encoded, is a file name: no spelling of base64 has one. Alone, it
 * is the URL itself.
 */
function withoutFileName(parameter: string): string {
  const lastSlash = parameter.lastIndexOf('/');
  if (lastSlash === -1 || !/\.|%2e/i.test(parameter.slice(lastSlash))) return parameter;
  // Of a URL that lost its encoding the last segment is not the client's file name.
  return startsWithScheme(parameter) ? parameter : parameter.slice(0, lastSlash);
}

/** `https:` or `http:` as a segment of its own, however it is written. */
function startsWithScheme(parameter: string): boolean {
  return /^https?(?::|%3a)(?:\/|$)/i.test(parameter);
}

function wholeUrl(text: string, raw: string): string {
  if (raw.includes('/') || startsWithScheme(raw))
    throw new ParameterError(
      'url_not_encoded',
      'The URL of the origin stands in the path as it is, or a proxy decoded it on the way. Encode it: base64url, without padding.',
    );
  return text;
}

function percentDecoded(raw: string): string {
  if (/[^\x21-\x7e]/.test(raw)) throw notDecodable('it holds characters that a path cannot have');
  if (!raw.includes('%')) return raw;
  try {
    return decodeURIComponent(raw);
  } catch (cause) {
    throw notDecodable('its percent-encoding is faulty', cause);
  }
}

/**
 * Strict, because `Buffer.from` is not: only text that its own bytes encode to again is taken, so that no two
 * addresses differ in bits which nobody reads.
 */
function base64Decoded(text: string): string {
  const { body, alphabet } = base64Body(withoutLineBreaks(text));
  const bytes = Buffer.from(body, alphabet);
  if (bytes.toString(alphabet).replace(/=+$/, '') !== body) throw notDecodable('it is not base64');
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw notDecodable('what it encodes is not UTF-8', cause);
  }
}

/** The digits without padding. Padding is there whole or not at all, and the alphabets are not mixed. */
function base64Body(text: string): { body: string; alphabet: 'base64' | 'base64url' } {
  const [, body, padding] = /^([A-Za-z0-9+/]*|[A-Za-z0-9_-]*)(={0,2})$/.exec(text) ?? [];
  if (body === undefined || body === '') throw notDecodable('it is not base64');
  if (padding && (body.length + padding.length) % 4 !== 0)
    throw notDecodable('its padding is not that of base64');
  return { body, alphabet: /[+/]/.test(body) ? 'base64' : 'base64url' };
}

/** Python 2's `encode('base64')` ends each line after 76 characters, and the last one as well. */
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
