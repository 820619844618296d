export { createFrontend } from './frontend.ts';
export type { Frontend, FrontendCacheManager, FrontendParts } from './frontend.ts';
export { openAudit } from './open-audit.ts';
export { openCacheManager } from './open-cache-manager.ts';
export type { CacheManagerParts } from './open-cache-manager.ts';
export { decodeOriginUrlParameter, ParameterError } from './redirect/origin-url-parameter.ts';
