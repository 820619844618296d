import { describe, inject } from 'vitest';
import { distributedConfig, WEST } from '@cloud-mirror/testing/mirror-config';
import { startDistributedMirror } from '@cloud-mirror/testing/mirror';
import { mirrorSuite } from './mirror-suite.ts';

describe('separate processes over Redis, SQS and S3', () => {
  mirrorSuite(async (origin) => {
    const config = await distributedConfig(inject('servers'), { origins: [origin.baseUrl] });
    const mirror = await startDistributedMirror(config);
    return {
      mirror,
      service: config.service,
      region: WEST,
      [Symbol.asyncDispose]: () => mirror[Symbol.asyncDispose](),
    };
  });
});
