import { isMapping, valueAt } from '@cloud-mirror/config';
import type { CrossFault } from './cross-fault.ts';

/** Checks that a bucket for documents is named, with credentials that belong together. */
export function stateFaults(config: unknown): CrossFault[] {
  const state = valueAt(config, 'state');
  if (!isMapping(state)) return [];
  const faults: CrossFault[] = [];
  const { kind, bucket, credentials } = state;
  if (kind === 's3' && bucket === undefined)
    faults.push({
      path: ['state', 'bucket'],
      found: 'nothing',
      expected: 'the name of a bucket, for state.kind s3',
    });
  if (isMapping(credentials)) {
    const has = (key: string): boolean => typeof credentials[key] === 'string' && credentials[key] !== '';
    const pair = has('accessKeyId') && has('secretAccessKey');
    const keys = has('accessKeyId') || has('secretAccessKey') || has('sessionToken');
    if (has('profile') ? keys : !pair)
      faults.push({
        path: ['state', 'credentials'],
        expected: 'either accessKeyId and secretAccessKey (and sessionToken), or profile',
      });
  }
  return faults;
}
