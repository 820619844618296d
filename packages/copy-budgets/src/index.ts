export * from './budget-ledger.ts';
export * from './copy-budgets.ts';
export * from './memory-budget-ledger.ts';
export * from './redis-budget-ledger.ts';
