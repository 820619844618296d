import type { ReadMethod } from './object-addresses.ts';
import type { OpenedBody, OpenOptions } from './object-reader.ts';
import type { PutOptions } from './object-writer.ts';
import type { StorageProvider } from './storage-provider.ts';
import type { StoreClock } from './store-clock.ts';
import type { PrepareOptions } from './store-place.ts';
import type { ListOptions } from './object-lister.ts';
import type { CallOptions, ListedObject, StoredObject } from './stored-object.ts';

type Method = Exclude<keyof StorageProvider, 'maxKeyBytes' | 'access' | 'clock' | 'list' | symbol>;

/** One call of a StorageProvider. */
export type StorageCall = {
  [M in Method]: { readonly method: M; readonly args: Parameters<StorageProvider[M]> };
}[Method];

/** Runs before, after or instead of a call; `work` makes the call. */
export type AroundStorageCall = <T>(call: StorageCall, work: () => Promise<T>) => Promise<T>;

/**
 * A StorageProvider that passes every call to another one through one function: for circuit breakers, tracing, and faults
 * in tests. A subclass overrides what needs other arguments or results, adds the facets of its inner store, and may
 * override `list`, which is many calls.
 */
export class AroundStorageProvider implements StorageProvider {
  readonly #inner: StorageProvider;
  readonly #around: AroundStorageCall;

  constructor(inner: StorageProvider, around: AroundStorageCall) {
    this.#inner = inner;
    this.#around = around;
  }

  get maxKeyBytes(): number {
    return this.#inner.maxKeyBytes;
  }

  get clock(): StoreClock {
    return this.#inner.clock;
  }

  get access(): 'public' | 'signed' {
    return this.#inner.access;
  }

  urlFor(key: string, method: ReadMethod): Promise<string> {
    return this.#around({ method: 'urlFor', args: [key, method] }, () => this.#inner.urlFor(key, method));
  }

  head(key: string, options?: CallOptions): Promise<StoredObject | null> {
    return this.#around({ method: 'head', args: [key, options] }, () => this.#inner.head(key, options));
  }

  open(key: string, options?: OpenOptions): Promise<OpenedBody | null> {
    return this.#around({ method: 'open', args: [key, options] }, () => this.#inner.open(key, options));
  }

  put(key: string, body: AsyncIterable<Uint8Array>, options: PutOptions): Promise<StoredObject> {
    return this.#around({ method: 'put', args: [key, body, options] }, () =>
      this.#inner.put(key, body, options),
    );
  }

  delete(key: string, options?: CallOptions): Promise<void> {
    return this.#around({ method: 'delete', args: [key, options] }, () => this.#inner.delete(key, options));
  }

  list(prefix: string, options?: ListOptions): AsyncIterable<ListedObject> {
    return this.#inner.list(prefix, options);
  }

  prepare(options: PrepareOptions): Promise<readonly string[]> {
    return this.#around({ method: 'prepare', args: [options] }, () => this.#inner.prepare(options));
  }

  check(options?: CallOptions): Promise<void> {
    return this.#around({ method: 'check', args: [options] }, () => this.#inner.check(options));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#inner[Symbol.asyncDispose]();
  }
}
