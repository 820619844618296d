/*
 * Reads a configuration that is not validated yet: a value of another type than the caller wants counts as absent.
 */

/** Every region of every service, with the settings of the service. */
export function backendsOf(config: unknown): { service: string; region: string; settings: unknown }[] {
  const services = valueAt(config, 'services');
  if (!isMapping(services)) return [];
  return Object.entries(services).flatMap(([service, settings]) => {
    const regions = valueAt(settings, 'regions');
    return isMapping(regions) ? Object.keys(regions).map((region) => ({ service, region, settings })) : [];
  });
}

/** An object, but not a list. */
export function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function valueAt(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (inner, key) => (isMapping(inner) && Object.hasOwn(inner, key) ? inner[key] : undefined),
    value,
  );
}

export function numberAt(value: unknown, ...path: readonly string[]): number | null {
  const found = valueAt(value, ...path);
  return typeof found === 'number' ? found : null;
}

export function listAt(value: unknown, ...path: readonly string[]): readonly unknown[] {
  const found = valueAt(value, ...path);
  return Array.isArray(found) ? found : [];
}
