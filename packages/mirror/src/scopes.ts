/** The scopes of operators' tokens. Imports nothing, so that the command line starts without loading the configuration. */
export const SCOPES = ['read', 'purge', 'flush', 'queue', 'routes', 'write', 'scale', 'register'] as const;
export type Scope = (typeof SCOPES)[number];
