export { DEFAULT_LOOKUP_LIMITS, NameLookup } from './name-lookup.ts';
export type { LookupLimits, NameLookupOptions } from './name-lookup.ts';
export { NameLookupError } from './name-lookup-error.ts';
export type { NameLookupErrorCode } from './name-lookup-error.ts';
export type { HostAddress } from './host-address.ts';
