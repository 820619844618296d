import { plainText, type PlainText } from './plain-text.ts';

/** Shorter values, such as `v=1`, would also be found where they mean something else. They are found with their names. */
const SHORTEST = 6;
/** How much of a value must be there for the rest to be removed, too: foreign messages may cut it off anywhere. */
const VALUE_PREFIX = 8;
const QUERY_PREFIX = 16;
/** In base64, where the characters next to a value depend on its neighbours. */
const SHORTEST_IN_BASE64 = 9;
const SEARCHED_IN_BASE64 = 18;
const MOST_VALUES = 256;

/** A part of the original text: from `start` to before `end`. */
export type TextRange = readonly [start: number, end: number];

/**
 * The secrets that some work knows: queries of URLs, user information, credentials of a request. Finds them in a text in
 * every spelling: percent-encoded any number of times, escaped for JSON or HTML, in base64, cut off.
 */
export class SecretValues {
  /** What is to be added before the first search. Most work logs nothing, so nothing is prepared. */
  readonly #pending: (() => void)[] = [];
  /** By the value in plain text: how many of its characters must be there. */
  readonly #values = new Map<string, number>();
  /** The parts of base64 text that only depend on a value. */
  readonly #encoded = new Set<string>();

  /** @param fill adds the secrets before the first search */
  constructor(fill: (values: SecretValues) => void = () => undefined) {
    this.#pending.push(() => fill(this));
  }

  /** Adds the query and the user information. */
  addUrl(url: URL): void {
    if (url.search.length > 1) this.addQuery(url.search.slice(1));
    if (url.password !== '') this.#addLater(url.password, VALUE_PREFIX);
    if (url.username !== '') this.#addLater(`${url.username}:`, VALUE_PREFIX);
  }

  /** Adds a query without its `?`, and each of its values. */
  addQuery(query: string): void {
    this.#later(() => this.#addQuery(query));
  }

  /** Adds whatever may be the query of a URL in a text that is no URL, or not known to be one. */
  addText(text: string): void {
    this.#later(() => {
      const plain = plainText(text).text;
      const queryStart = plain.indexOf('?') + 1;
      if (queryStart > 0) this.#addQuery(plain.slice(queryStart));
    });
  }

  /** Adds a header with credentials, such as `Authorization` or `Cookie`. */
  addHeader(header: string | undefined): void {
    if (header === undefined) return;
    this.#later(() => {
      this.#add(header, QUERY_PREFIX);
      for (const word of header.split(/[\s,;]+/)) {
        this.#add(word, VALUE_PREFIX);
        this.#add(word.slice(word.indexOf('=') + 1), VALUE_PREFIX);
      }
    });
  }

  /** Adds a password or key. */
  addSecret(secret: string): void {
    this.#addLater(secret, VALUE_PREFIX);
  }

  /** The parts of the original text that spell a secret, in no order. */
  rangesIn(plain: PlainText): TextRange[] {
    // Adding may add more.
    while (this.#pending.length > 0) for (const add of this.#pending.splice(0)) add();
    if (this.#values.size === 0) return [];
    const { text } = plain;
    const ranges: TextRange[] = [];
    const found = (start: number, end: number): void => {
      ranges.push([plain.offsetOf(start), plain.offsetOf(end)]);
    };
    const spaced = text.replaceAll('+', ' ');
    for (const [value, needed] of this.#values)
      for (const start of occurrences(spaced, value.slice(0, needed)))
        found(start, commonEnd(spaced, start, value));
    const standard = text.replaceAll('-', '+').replaceAll('_', '/');
    for (const part of this.#encoded)
      for (const start of occurrences(standard, part))
        found(base64Start(standard, start), base64End(standard, start + part.length));
    return ranges;
  }

  #addQuery(query: string): void {
    this.#add(query, QUERY_PREFIX);
    for (const pair of query.split('&')) {
      const value = pair.slice(pair.indexOf('=') + 1);
      if (value.length >= SHORTEST) this.#add(value, VALUE_PREFIX);
      else if (value !== '') this.#add(pair, Infinity);
    }
  }

  #addLater(secret: string, needed: number): void {
    this.#later(() => this.#add(secret, needed));
  }

  #later(add: () => void): void {
    if (this.#pending.length < MOST_VALUES) this.#pending.push(add);
  }

  #add(secret: string, needed: number): void {
    const value = plainText(secret).text.replaceAll('+', ' ');
    if (value.length < SHORTEST || this.#values.size >= MOST_VALUES) return;
    this.#values.set(value, needed);
    for (const bytes of [Buffer.from(secret), Buffer.from(value, 'latin1')])
      if (bytes.length >= SHORTEST_IN_BASE64)
        for (const before of [0, 1, 2]) this.#encoded.add(insideBase64(bytes, before));
  }
}

function* occurrences(text: string, part: string): Iterable<number> {
  for (let at = text.indexOf(part); at !== -1; at = text.indexOf(part, at + 1)) yield at;
}

/** Where the text stops being the same as the value. */
function commonEnd(text: string, start: number, value: string): number {
  let length = 0;
  while (length < value.length && text[start + length] === value[length]) length += 1;
  return start + length;
}

/** The character before also depends on the value. */
function base64Start(text: string, start: number): number {
  return /[A-Za-z0-9+/]/.test(text[start - 1] ?? '') ? start - 1 : start;
}

function base64End(text: string, start: number): number {
  let end = start;
  while (/[A-Za-z0-9+/=]/.test(text[end] ?? '')) end += 1;
  return end;
}

/**
 * The base64 of the first bytes, if a multiple of three bytes and `before` more stand before them: without the characters
 * that the bytes before and after have a part in.
 */
function insideBase64(bytes: Buffer, before: number): string {
  const part = Buffer.concat([Buffer.alloc(before), bytes.subarray(0, SEARCHED_IN_BASE64)]);
  const characters = Math.floor((part.length * 8) / 6);
  return part.toString('base64').slice(Math.ceil((before * 8) / 6), characters);
}
