export { Access } from './access.ts';
export { Destinations } from './objects/destinations.ts';
export type { ReceivedRequest, RouterRecord } from './received-request.ts';
export { openRouter } from './open-router.ts';
export type { OpenRouterParts, RunningRouter } from './open-router.ts';
export { Router } from './router.ts';
export type { Administration, RouterParts } from './router.ts';
