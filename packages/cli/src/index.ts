export * from './command-context.ts';
export * from './command-error.ts';
export * from './program.ts';
