/** The headers of one response. Values are latin1 strings: one character for each byte. */
export class ResponseHeaders {
  readonly #values: Readonly<Record<string, string | readonly string[] | undefined>>;

  constructor(values: Readonly<Record<string, string | string[] | undefined>>) {
    this.#values = values;
  }

  /** All values of a field; `name` is in lower case. */
  all(name: string): readonly string[] {
    return this.#raw(name).map(withoutTrailingSpace);
  }

  #raw(name: string): readonly string[] {
    const value = Object.hasOwn(this.#values, name) ? this.#values[name] : undefined;
    if (value === undefined) return [];
    return typeof value === 'string' ? [value] : value;
  }

  /** Names of all fields, in lower case. */
  names(): readonly string[] {
    return Object.keys(this.#values);
  }

  /** The first value of a field; `null` if it is absent. */
  first(name: string): string | null {
    return this.all(name)[0] ?? null;
  }

  /** The value of a field whose lines all have the same value; `null` if the field is absent or its lines differ. */
  single(name: string): string | null {
    const [value, ...others] = this.all(name);
    return value !== undefined && others.every((other) => other === value) ? value : null;
  }

  /** The lines of a list field joined with commas (RFC 9110, 5.3); `null` if the field is absent. */
  list(name: string): string | null {
    const values = this.all(name);
    return values.length === 0 ? null : values.join(', ');
  }

  /**
   * Content-Length in bytes; `null` if it is absent or malformed, or if there is a Transfer-Encoding, which overrides
   * it (RFC 9112, 6.3).
   */
  contentLength(): number | null {
    if (this.first('transfer-encoding') !== null) return null;
    const value = this.single('content-length');
    if (value === null || !/^\d+$/.test(value)) return null;
    const length = Number(value);
    return Number.isSafeInteger(length) ? length : null;
  }

  /** Whether the length or the last chunk shows where the body ends (RFC 9112, 6.3), not only the closed connection. */
  isFramed(): boolean {
    return this.#isChunked() || this.contentLength() !== null;
  }

  /** Whether the body has a transfer coding other than chunked, which was not requested and is not decoded. */
  hasForeignTransferCoding(): boolean {
    return this.first('transfer-encoding') !== null && !this.#isChunked();
  }

  #isChunked(): boolean {
    // Uses the raw value. The parser decodes chunks only if nothing but spaces follows the word: after a tab, the chunk
    // framing would become part of the object.
    const values = this.#raw('transfer-encoding');
    return values.length === 1 && /^chunked *$/i.test(values[0] ?? '');
  }
}

/** White space around a value does not belong to it (RFC 9110, 5.5), but the parser keeps trailing white space. */
function withoutTrailingSpace(value: string): string {
  return value.replace(/[\t ]+$/, '');
}
