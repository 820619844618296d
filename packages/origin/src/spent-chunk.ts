/**
 * Frees the memory of bytes that have been used. Each read of a socket takes some 64 KiB outside of V8's heap, and V8
 * answers that with a collection of the whole heap every few dozen MiB: a third of the processor time of a copy.
 *
 * Only where nobody else can have an eye on the memory: a chunk at the end of its ArrayBuffer is the last of what one
 * read gave (several chunks of a chunked body may come with one), and one of more than half of it is no slice of Node's
 * pool, of which a Buffer takes less (https://nodejs.org/api/buffer.html#static-method-bufferallocunsafesize).
 */
export function freeSpentChunk({ buffer, byteOffset, byteLength }: Uint8Array): void {
  if (!(buffer instanceof ArrayBuffer) || byteLength * 2 <= buffer.byteLength) return;
  if (byteOffset + byteLength === buffer.byteLength) buffer.transfer(0);
}
