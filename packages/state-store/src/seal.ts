import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';

const ALGORITHM = 'aes-256-gcm';
const KEY_BYTES = 32;
/** NIST SP 800-38D, section 8.2: 96 bits. Random ones may be used for 2^32 texts under one key. */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const VERSION = 'v1';

interface SealKey {
  /** Tells keys apart without revealing them. */
  readonly id: string;
  readonly key: Buffer;
}

export type Opened = { readonly text: string } | { readonly fault: 'another_key' | 'damaged' };

/**
 * Encrypts short texts so that only processes with the same key can read them, and so that they are valid only in the
 * context in which they were sealed (associated data of AES-256-GCM).
 */
export class Sealer {
  readonly #keys: readonly SealKey[];

  /** @param keys 32 bytes each. The first one seals; all of them open, so that a key can be replaced. At least one. */
  constructor(keys: readonly Buffer[]) {
    if (keys.length === 0 || keys.some(({ length }) => length !== KEY_BYTES))
      throw new TypeError(`a seal key has ${KEY_BYTES} bytes`);
    this.#keys = keys.map((key) => ({
      id: createHash('sha256').update('seal key ').update(key).digest('hex').slice(0, 8),
      key,
    }));
  }

  /** @param context must be the same when the text is opened */
  seal(text: string, context: string): string {
    const [first] = this.#keys;
    if (first === undefined) throw new TypeError('there is no seal key');
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(ALGORITHM, first.key, nonce).setAAD(Buffer.from(context));
    const sealed = Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
    return `${VERSION}.${first.id}.${sealed.toString('base64url')}`;
  }

  open(sealed: string, context: string): Opened {
    const [version, id, body = ''] = sealed.split('.');
    const found = this.#keys.find((key) => key.id === id);
    if (version !== VERSION || found === undefined) return { fault: 'another_key' };
    const bytes = Buffer.from(body, 'base64url');
    if (bytes.length < NONCE_BYTES + TAG_BYTES) return { fault: 'damaged' };
    const decipher = createDecipheriv(ALGORITHM, found.key, bytes.subarray(0, NONCE_BYTES), {
      authTagLength: TAG_BYTES,
    })
      .setAAD(Buffer.from(context))
      .setAuthTag(bytes.subarray(-TAG_BYTES));
    try {
      const text = Buffer.concat([
        decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)),
        decipher.final(),
      ]);
      return { text: text.toString('utf8') };
    } catch {
      return { fault: 'damaged' };
    }
  }

  /** Whether a new text would be sealed with the same key. */
  isCurrent(sealed: string): boolean {
    return sealed.startsWith(`${VERSION}.${this.#keys[0]?.id}.`);
  }
}
