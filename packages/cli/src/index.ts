export * from './command-interface.ts';
export * from './program.ts';
