import { FilesystemStorageProvider } from '../src/adapter.ts';

/** Runs with a file size limit, which the system enforces like a full disk. Prints the outcome of each put. */
const [directory = '', bytes = '0'] = process.argv.slice(2);

await using provider = new FilesystemStorageProvider({
  directory,
  urlBase: 'http://127.0.0.1/',
  maxBytes: 1024 * 1024 * 1024,
  onEvict: async (key) => console.log(`evicted ${key}`),
});

async function put(key: string, sizeBytes: number): Promise<string> {
  async function* body(): AsyncGenerator<Uint8Array> {
    for (let left = sizeBytes; left > 0; left -= 1024) yield Buffer.alloc(Math.min(left, 1024));
  }
  try {
    await provider.put(key, body(), {
      headers: { contentType: 'text/plain' },
      sizeBytes: null,
      metadata: () => ({}),
    });
    return 'stored';
  } catch (error) {
    return String((error as { code?: unknown }).code);
  }
}

console.log(`small ${await put('https://o.example.com/small', 10)}`);
console.log(`large ${await put('https://o.example.com/large', Number(bytes))}`);
