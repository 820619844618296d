export { createFrontend } from './frontend.ts';
export type { Frontend, FrontendCacheManager, FrontendParts } from './frontend.ts';
