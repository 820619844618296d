import type { MemoryIndex, Slot } from '@cloud-mirror/bounded-memory';
import type { ObjectId } from '@cloud-mirror/mirrored-objects';

/**
 * Finds remembered values of objects. Back end and digest are looked up one after the other, because concatenating them to
 * one key takes four times as long.
 */
export class ObjectIndex<V> implements MemoryIndex<ObjectId, V> {
  readonly #backends = new Map<string, Map<string, Slot<ObjectId, V>>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get({ backend, sha256 }: ObjectId): Slot<ObjectId, V> | undefined {
    return this.#backends.get(backend)?.get(sha256);
  }

  set({ backend, sha256 }: ObjectId, slot: Slot<ObjectId, V>): void {
    const known = this.#backends.get(backend);
    const slots = known ?? new Map<string, Slot<ObjectId, V>>();
    if (known === undefined) this.#backends.set(backend, slots);
    if (!slots.has(sha256)) this.#size += 1;
    slots.set(sha256, slot);
  }

  delete({ backend, sha256 }: ObjectId): void {
    if (this.#backends.get(backend)?.delete(sha256) === true) this.#size -= 1;
  }

  clear(): void {
    this.#backends.clear();
    this.#size = 0;
  }
}

/** A 32-bit hash of an object, for `BoundedMemory`: the beginning of its digest. */
export function objectHash({ sha256 }: ObjectId): number {
  return Number.parseInt(sha256.slice(0, 8), 16);
}
