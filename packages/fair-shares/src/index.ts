export { SharedPool, type Refusal, type TakeResult } from './shared-pool.ts';
export { TokenBucket } from './token-bucket.ts';
