import type { ObjectRoom } from './object-room.ts';

/** What one put has set aside; given back when it ends, whichever way. */
export class RoomReservation implements Disposable {
  readonly #room: ObjectRoom | null;
  #reservedBytes = 0;

  /** @param room `null` for objects that are not counted */
  constructor(room: ObjectRoom | null) {
    this.#room = room;
  }

  /** Sees to it that `bytes` in all are set aside. */
  async growTo(bytes: number): Promise<void> {
    const more = bytes - this.#reservedBytes;
    if (this.#room === null || more <= 0) return;
    await this.#room.reserve(more);
    this.#reservedBytes += more;
  }

  [Symbol.dispose](): void {
    this.#room?.release(this.#reservedBytes);
    this.#reservedBytes = 0;
  }
}
