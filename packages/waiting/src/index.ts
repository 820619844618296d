export { backoff, jittered, type BackoffLimits } from './backoff.ts';
export { pause } from './pause.ts';
export { settleWithin } from './settle-within.ts';
export { orAborted, runWithin, TimeLimit, type RunLimits } from './time-limit.ts';
