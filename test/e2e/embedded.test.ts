import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from 'vitest';
import { embeddedConfig } from '@cloud-mirror/testing/mirror-config';
import { startStandaloneMirror } from '@cloud-mirror/testing/mirror';
import { mirrorSuite } from './mirror-suite.ts';

describe('front end and copier in one process, over memory and a folder', () => {
  mirrorSuite(async (origin) => {
    await using opened = new AsyncDisposableStack();
    const directory = await mkdtemp(join(tmpdir(), 'mirror-'));
    opened.defer(() => rm(directory, { recursive: true, force: true }));
    const config = await embeddedConfig({ origins: [origin.baseUrl], directory });
    const mirror = opened.use(await startStandaloneMirror(config));
    const running = opened.move();
    return {
      mirror,
      service: 'local',
      region: 'here',
      [Symbol.asyncDispose]: () => running.disposeAsync(),
    };
  });
});
