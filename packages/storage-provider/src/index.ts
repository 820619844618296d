export { BodyLength } from './body-length.ts';
export * from './capability-losses.ts';
export type { KeyLayout } from './key-layout.ts';
export { interruptible } from './interruptible.ts';
export * from './storage-provider.ts';
export { storableHeaders } from './storable-headers.ts';
export * from './store-capabilities.ts';
export * from './store-kind.ts';
