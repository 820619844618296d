import type { ObjectRoom } from './object-room.ts';

/** What one put has set aside; given back when it ends, whichever way. */
export class RoomReservation implements Disposable {
  readonly #room: ObjectRoom;
  readonly #keep: boolean;
  #reservedBytes = 0;

  /** @param keep whether the object will be kept, see {@link ObjectRoom.reserve} */
  constructor(room: ObjectRoom, keep: boolean) {
    this.#room = room;
    this.#keep = keep;
  }

  /** Sees to it that `bytes` in all are set aside. */
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
