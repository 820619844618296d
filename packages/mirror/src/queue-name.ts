/** The name of a back end's queue: `queue.name` with {service} and {region} filled in. */
export function queueName(template: string, service: string, region: string): string {
  return template.replace(/\{(service|region)\}/g, (_, key: string) =>
    key === 'service' ? service : region,
  );
}
