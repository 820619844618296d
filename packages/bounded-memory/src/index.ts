export { BoundedMemory, type BoundedMemoryOptions } from './bounded-memory.ts';
export type { MemoryIndex, Slot } from './slot-queue.ts';
export { stringHash } from './string-hash.ts';
