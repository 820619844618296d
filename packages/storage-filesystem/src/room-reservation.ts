import type { ObjectRoom } from './object-room.ts';

/** The bytes that one put has reserved. Disposal releases them, whether the put succeeded or failed. */
export class RoomReservation implements Disposable {
  readonly #room: ObjectRoom;
  readonly #keep: boolean;
  #reservedBytes = 0;

  /** @param keep whether the object will be kept, see {@link ObjectRoom.reserve} */
  constructor(room: ObjectRoom, keep: boolean) {
    this.#room = room;
    this.#keep = keep;
  }

  /** Extends the reservation to `bytes` in total. */
  async growTo(bytes: number): Promise<void> {
    const more = bytes - this.#reservedBytes;
    if (more <= 0) return;
    await this.#room.reserve(more, this.#keep);
    this.#reservedBytes += more;
  }

  [Symbol.dispose](): void {
    this.#room.release(this.#reservedBytes);
    this.#reservedBytes = 0;
  }
}
