export { budgeted } from './budgeted.ts';
export * from './cache-manager-options.ts';
export * from './cache-manager.ts';
export { heededSeconds, LONGEST_HEEDED_SECONDS, rememberedSeconds } from './failure-memory.ts';
export { describeFailure } from './miss.ts';
export { InternalError, isDefect } from './internal-error.ts';
export * from './operator.ts';
export * from './redirect.ts';
