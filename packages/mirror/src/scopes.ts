/** What an operator's token may allow. Imports nothing: the command line needs the list before it needs a configuration. */
export const SCOPES = ['read', 'purge', 'flush', 'queue'] as const;
export type Scope = (typeof SCOPES)[number];
