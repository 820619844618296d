export { LONGEST_PATH_BYTES, normalRoutePath } from './route-path.ts';
export { RouteTable } from './route-table.ts';
export type { RouteMatch } from './route-table.ts';
export type {
  BucketCredentials,
  BucketTarget,
  Route,
  RouteTarget,
  StoreTarget,
  UnusableTarget,
  WritePolicy,
} from './route.ts';
export { isMasked, maskedRoute } from './configured-route.ts';
export type { ConfiguredRoute, ConfiguredRoutes } from './configured-route.ts';
export { LiveRoutes, RevisionMismatch } from './live-routes.ts';
export type { ChangeResult, LiveRoutesOptions } from './live-routes.ts';
export { DELETE_ROUTE, parseRouteChanges, RoutesFault } from './route-changes.ts';
export type { ChangeMode, ChangeRules, RouteChange } from './route-changes.ts';
export type { SentRoute } from './route-settings.ts';
export {
  MAX_ROUTES_BYTES,
  NO_ROUTES,
  parseStoredRoutes,
  ROUTES_DOCUMENT,
  serializeRoutes,
} from './routes-document.ts';
export type { StoredRoutes } from './routes-document.ts';
export { answerOf, askStore } from './store-answer.ts';
export type { StoreAnswer } from './store-answer.ts';
