export * from './decode-mirrored-url.ts';
export * from './file-name.ts';
export * from './mirror-address.ts';
export * from './origin-parameter.ts';
export * from './rewrite-error.ts';
export * from './rewrite-url.ts';
