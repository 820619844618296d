export * from './backend.ts';
export * from './entry-store.ts';
export * from './object-key.ts';
export * from './operator.ts';
export * from './redirect.ts';
