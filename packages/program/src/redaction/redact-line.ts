import type { LogSecrets } from './log-secrets.ts';
import { plainText, type PlainText } from './plain-text.ts';
import type { TextRange } from './secret-values.ts';

/** Longer values of a line are cut: they are texts of others, such as an error page. */
const LONGEST_VALUE = 8_192;
/** Fields whose values this program alone decides, so that nobody can remove them by a query with the same words. */
const OWN_FIELDS: ReadonlySet<string> = new Set(['level', 'time', 'program', 'version', 'msg', 'requestId']);

/** A string of JSON with its quotes; followed by a colon, it is a key. */
const JSON_STRING = /"((?:[^"\\]|\\.)*)"(\s*:)?/g;

/**
 * Removes secrets from the values of a line of JSON: those that the work at hand knows, and the queries of all http(s)
 * URLs, in every spelling.
 */
export function redactLine(line: string, secrets: LogSecrets): string {
  let key = '';
  return line.replace(JSON_STRING, (whole, content: string, colon: string | undefined) => {
    if (colon !== undefined) {
      key = content;
      return whole;
    }
    const isOurs = OWN_FIELDS.has(key);
    // Elements of a list have no key.
    key = '';
    return isOurs ? whole : `"${redacted(content, secrets)}"`;
  });
}

/** @param content a JSON string without its quotes */
function redacted(content: string, secrets: LogSecrets): string {
  const text = content.length > LONGEST_VALUE ? cutJson(content) : content;
  const plain = plainText(text);
  const ranges = [
    ...secrets.always.rangesIn(plain),
    ...(secrets.current?.rangesIn(plain) ?? []),
    ...queriesIn(plain),
  ];
  return ranges.length === 0 ? text : without(text, ranges);
}

/** Cuts a JSON string, but not in the middle of an escape. */
function cutJson(content: string): string {
  const cut = content.slice(0, LONGEST_VALUE).replace(/\\(?:u[0-9a-fA-F]{0,3})?$/, '');
  return `${cut.replace(/(?<!\\)((?:\\\\)*)\\$/, '$1')}…`;
}

/** A URL up to its query, in plain text. */
const QUERY = /\bhttps?:\/\/[^\s?"'<>]{0,4096}\?([^\s"'<>]+)/dgi;
/**
 * The base64 of `http://` or `https://` and what follows: at the beginning of a group of four characters, or after one or
 * two other bytes.
 */
const ENCODED_URL = /(?:(aHR0c(?:HM6Ly|DovL))|(h0dH(?:BzOi8v|A6Ly))|(odHRw(?:czovL|Oi8v)))[A-Za-z0-9+/_-]*/g;

function queriesIn(plain: PlainText): TextRange[] {
  const { text } = plain;
  const ranges: TextRange[] = [];
  const found = (start: number, end: number): void => {
    ranges.push([plain.offsetOf(start), plain.offsetOf(end)]);
  };
  for (const { indices } of text.matchAll(QUERY)) {
    const [start, end] = indices?.[1] ?? [0, 0];
    found(start, end);
  }
  for (const { 0: encoded, 2: afterOne, 3: afterTwo, index } of text.matchAll(ENCODED_URL)) {
    const before = afterOne !== undefined ? 'AA' : afterTwo !== undefined ? 'AAA' : '';
    if (/[?@]/.test(Buffer.from(before + encoded, 'base64url').toString('latin1')))
      found(index, index + encoded.length);
  }
  return ranges;
}

function without(text: string, ranges: readonly TextRange[]): string {
  let kept = '';
  let end = 0;
  for (const [from, to] of ranges.toSorted(([one], [other]) => one - other)) {
    if (from >= end) kept += `${text.slice(end, from)}…`;
    end = Math.max(end, to);
  }
  return kept + text.slice(end);
}
