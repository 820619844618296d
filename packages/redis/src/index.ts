export * from './redis-address.ts';
export * from './redis-change-feed.ts';
export * from './redis-commands.ts';
export * from './redis-connection.ts';
export * from './redis-refusal.ts';
