import type {
  CallOptions,
  ListedObject,
  OpenedBody,
  OpenOptions,
  PrepareOptions,
  PutOptions,
  StorageProvider,
  StoredObject,
} from '@cloud-mirror/storage-provider';
import type { CallGate } from './call-gate.ts';

/** A StorageProvider whose calls go through a gate. Their subject is the key, or the prefix of a listing. */
export class GatedStore implements StorageProvider {
  readonly #inner: StorageProvider;
  readonly #gate: CallGate;
  readonly #part: string;

  constructor(inner: StorageProvider, gate: CallGate, part: string) {
    this.#inner = inner;
    this.#gate = gate;
    this.#part = part;
  }

  get maxKeyBytes(): number {
    return this.#inner.maxKeyBytes;
  }

  get access(): 'public' | 'signed' {
    return this.#inner.access;
  }

  urlFor(key: string, method: 'GET' | 'HEAD'): Promise<string> {
    return this.#through('urlFor', key, method, () => this.#inner.urlFor(key, method));
  }

  head(key: string, options?: CallOptions): Promise<StoredObject | null> {
    return this.#through('head', key, options, () => this.#inner.head(key, options));
  }

  open(key: string, options?: OpenOptions): Promise<OpenedBody | null> {
    return this.#through('open', key, options, () => this.#inner.open(key, options));
  }

  put(key: string, body: AsyncIterable<Uint8Array>, options: PutOptions): Promise<StoredObject> {
    return this.#through('put', key, options, () => this.#inner.put(key, body, options));
  }

  delete(key: string, options?: CallOptions): Promise<void> {
    return this.#through('delete', key, options, () => this.#inner.delete(key, options));
  }

  async *list(prefix: string, options?: CallOptions): AsyncGenerator<ListedObject> {
    const listed = await this.#through('list', prefix, options, async () => {
      const objects: ListedObject[] = [];
      for await (const object of this.#inner.list(prefix, options)) objects.push(object);
      return objects;
    });
    yield* listed;
  }

  prepare(options: PrepareOptions): Promise<readonly string[]> {
    return this.#through('prepare', '', options, () => this.#inner.prepare(options));
  }

  check(options?: CallOptions): Promise<void> {
    return this.#through('check', '', options, () => this.#inner.check(options));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#inner[Symbol.asyncDispose]();
  }

  #through<T>(method: string, subject: string, options: unknown, work: () => Promise<T>): Promise<T> {
    return this.#gate.run({ part: this.#part, method, subject, options }, work);
  }
}
