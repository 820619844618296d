const POLYNOMIAL = 0x82f63b78; // Castagnoli, reflected (RFC 3720, B.4)

/** Computes the CRC-32C of a stream, chunk by chunk. */
export class Crc32c {
  readonly #table = new Uint32Array(256).map((_, byte) => {
    let value = byte;
    for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1;
    return value;
  });
  #state = 0xffff_ffff;

  update(chunk: Uint8Array): void {
    const table = this.#table;
    let state = this.#state;
    for (const byte of chunk) state = (table[(state ^ byte) & 0xff] ?? 0) ^ (state >>> 8);
    this.#state = state;
  }

  /** The checksum as an unsigned 32-bit number. */
  digest(): number {
    return (this.#state ^ 0xffff_ffff) >>> 0;
  }
}
