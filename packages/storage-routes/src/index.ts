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
