export * from './address-guard.ts';
export * from './guarded-connector.ts';
export * from './http-origin.ts';
export * from './log-form.ts';
export * from './normal-form.ts';
export * from './origin.ts';
export * from './source-pattern.ts';
export * from './source-policy.ts';
