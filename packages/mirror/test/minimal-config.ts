/** The smallest valid configuration, as the object in its YAML. */
export function minimalConfig(): Record<string, Record<string, unknown>> {
  return {
    server: { publicUrl: 'https://mirror.example.com' },
    sources: { allow: [{ prefix: 'https://artifacts.example.com/builds/', query: 'keep' }] },
    services: { s3: { kind: 's3', regions: { 'us-west-1': { bucket: 'cloud-mirror-us-west-1' } } } },
  };
}

/** {@link minimalConfig} with `value` at `path` (keys joined by dots), as JSON, which is valid YAML. */
export function minimalWith(path: string, value: unknown): string {
  const config = minimalConfig();
  const keys = path.split('.');
  const last = keys.pop() ?? '';
  let holder: Record<string, unknown> = config;
  for (const key of keys) {
    holder[key] ??= {};
    holder = holder[key] as Record<string, unknown>;
  }
  if (value === undefined) delete holder[last];
  else holder[last] = value;
  return JSON.stringify(config, null, 2);
}
