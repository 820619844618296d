import { randomBytes } from 'node:crypto';
import { LiveDocument } from './live-document.ts';
import type { LiveDocumentOptions } from './live-document.ts';
import type { Sealer } from './seal.ts';

export interface SharedKeyOptions extends Pick<
  LiveDocumentOptions<unknown>,
  'name' | 'store' | 'lastGood' | 'wakeUps' | 'onDegraded'
> {
  /** null to keep the key in clear. */
  readonly sealer: Sealer | null;
}

/** A key in its stored form: 32 bytes in base64url, sealed or in clear. */
interface StoredKey {
  readonly sealed: boolean;
  readonly text: string;
}

const KEY_BYTES = 32;
const MOST_BYTES = 1_000;

/** A secret key that is made once, by whichever process comes first, and that all processes share over restarts. */
export class SharedKey implements AsyncDisposable {
  readonly #document: LiveDocument<StoredKey | null>;
  readonly #name: string;
  readonly #sealer: Sealer | null;
  #last: { readonly stored: StoredKey; readonly key: Buffer | null } | null = null;

  private constructor(document: LiveDocument<StoredKey | null>, { name, sealer }: SharedKeyOptions) {
    this.#document = document;
    this.#name = name;
    this.#sealer = sealer;
  }

  /** Reads the key, or makes it. Resolves without one if the store cannot be read and this process has no last good one. */
  static async open({ sealer, ...options }: SharedKeyOptions): Promise<SharedKey> {
    const document = await LiveDocument.open<StoredKey | null>({
      ...options,
      empty: null,
      maxBytes: MOST_BYTES,
      parse: parseStoredKey,
    });
    const shared = new SharedKey(document, { ...options, sealer });
    // A failure is told of by `onDegraded`; `current` asks again.
    await shared.make().catch(() => undefined);
    return shared;
  }

  /** @returns the same object until the key changes; null if there is none that this process can read */
  get current(): Buffer | null {
    const stored = this.#document.current.value;
    if (stored === null) return null;
    if (this.#last?.stored !== stored) this.#last = { stored, key: this.#keyIn(stored) };
    return this.#last.key;
  }

  /** Makes the key if there is none. @throws StateError */
  async make(): Promise<void> {
    if (this.#document.current.value !== null) return;
    const text = randomBytes(KEY_BYTES).toString('base64url');
    const made: StoredKey =
      this.#sealer === null
        ? { sealed: false, text }
        : { sealed: true, text: this.#sealer.seal(text, this.#context()) };
    await this.#document.update(({ value }) => value ?? made);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#document[Symbol.asyncDispose]();
  }

  #keyIn({ sealed, text }: StoredKey): Buffer | null {
    const opened = sealed ? this.#sealer?.open(text, this.#context()) : { text };
    if (opened === undefined || 'fault' in opened) return null;
    const key = Buffer.from(opened.text, 'base64url');
    return key.length === KEY_BYTES ? key : null;
  }

  #context(): string {
    return `shared key ${this.#name}`;
  }
}

function parseStoredKey(value: unknown): StoredKey | null {
  if (value === null) return null;
  const { sealed, text } = value as Partial<StoredKey>;
  if (typeof sealed !== 'boolean' || typeof text !== 'string') throw new Error('no key');
  return { sealed, text };
}
