/** Headers of one response. Values are bytes, one character each (latin1), and kept exactly. */
export class ResponseHeaders {
  readonly #values: Readonly<Record<string, string | readonly string[] | undefined>>;

  constructor(values: Readonly<Record<string, string | string[] | undefined>>) {
    this.#values = values;
  }

  /** All values of a field, `name` in lower case. */
  all(name: string): readonly string[] {
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

  /** Content-Length; `null` where it is absent or no length. */
  contentLength(): number | null {
    const value = this.first('content-length');
    if (value === null || !/^\d+$/.test(value)) return null;
    const length = Number(value);
    return Number.isSafeInteger(length) ? length : null;
  }

  /** Whether the body's end can be seen: by its length or its last chunk (RFC 9112, 6.3), not by the connection's end. */
  isFramed(): boolean {
    return this.#isChunked() || (this.first('transfer-encoding') === null && this.contentLength() !== null);
  }

  /** Whether the bytes went through a transfer coding that nobody asked for and that is not undone here. */
  hasForeignTransferCoding(): boolean {
    return this.first('transfer-encoding') !== null && !this.#isChunked();
  }

  #isChunked(): boolean {
    return this.list('transfer-encoding')?.trim().toLowerCase() === 'chunked';
  }
}
