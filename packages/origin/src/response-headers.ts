/** Headers of one response. Values are bytes, one character each (latin1), and kept exactly. */
export class ResponseHeaders {
  readonly #values: Readonly<Record<string, string | readonly string[] | undefined>>;

  constructor(values: Readonly<Record<string, string | string[] | undefined>>) {
    this.#values = values;
  }

  /** All values of a field, `name` in lower case. */
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

  /** The first value of a field that has one; `null` where it is absent. */
  first(name: string): string | null {
    return this.all(name)[0] ?? null;
  }

  /** The value of a field that has one value, however often it is repeated; `null` where it is absent or ambiguous. */
  single(name: string): string | null {
    const [value, ...others] = this.all(name);
    return value !== undefined && others.every((other) => other === value) ? value : null;
  }

  /** The members of a list field, its lines joined as RFC 9110, 5.3 says; `null` where it is absent. */
  list(name: string): string | null {
    const values = this.all(name);
    return values.length === 0 ? null : values.join(', ');
  }

  /**
   * Content-Length; `null` where it is absent or no length, and beside a Transfer-Encoding, which overrides it (RFC 9112,
   * 6.3).
   */
  contentLength(): number | null {
    if (this.first('transfer-encoding') !== null) return null;
    const value = this.single('content-length');
    if (value === null || !/^\d+$/.test(value)) return null;
    const length = Number(value);
    return Number.isSafeInteger(length) ? length : null;
  }

  /** Whether the body's end can be seen: by its length or its last chunk (RFC 9112, 6.3), not by the connection's end. */
  isFramed(): boolean {
    return this.#isChunked() || this.contentLength() !== null;
  }

  /** Whether the bytes went through a transfer coding that nobody asked for and that is not undone here. */
  hasForeignTransferCoding(): boolean {
    return this.first('transfer-encoding') !== null && !this.#isChunked();
  }

  #isChunked(): boolean {
    // As the parser gave it. The parser undoes the chunks only where nothing but spaces follows the word: with a tab there,
    // their framing would become part of the object.
    const values = this.#raw('transfer-encoding');
    return values.length === 1 && /^chunked *$/i.test(values[0] ?? '');
  }
}

/** White space around a value is no part of it (RFC 9110, 5.5). The parser leaves it behind the value. */
function withoutTrailingSpace(value: string): string {
  return value.replace(/[\t ]+$/, '');
}
