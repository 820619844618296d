import { afterAll } from 'vitest';
import { MemoryRegistry } from '@cloud-mirror/registry';
import { registryContract } from '@cloud-mirror/registry/contract';

const opened: MemoryRegistry[] = [];
afterAll(async () => {
  for (const one of opened) await one[Symbol.asyncDispose]();
});

registryContract('memory', async () => ({
  async open() {
    const registry = new MemoryRegistry();
    opened.push(registry);
    return registry;
  },
}));
