import { isMapping, valueAt } from '@cloud-mirror/config';
import type { ConfiguredServices } from '@cloud-mirror/storage-provider';

/** Every region of every service, with the settings of the service. */
export function backendsOf(config: unknown): { service: string; region: string; settings: unknown }[] {
  const services = valueAt(config, 'services');
  if (!isMapping(services)) return [];
  return Object.entries(services).flatMap(([service, settings]) => {
    const regions = valueAt(settings, 'regions');
    return isMapping(regions) ? Object.keys(regions).map((region) => ({ service, region, settings })) : [];
  });
}

/** The section `services` of a configuration that is not validated yet. */
export function configuredServices(config: unknown): ConfiguredServices {
  const services = valueAt(config, 'services');
  return {
    services: Object.entries(isMapping(services) ? services : {}).map(([service, settings]) => ({
      service,
      settings,
    })),
    regions: backendsOf(config),
  };
}
