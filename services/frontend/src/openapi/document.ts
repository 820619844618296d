import { machinePaths } from './machine-paths.ts';
import { operatorPaths } from './operator-paths.ts';
import { redirectPaths } from './redirect-paths.ts';
import { schemas } from './schemas.ts';

/** The OpenAPI 3.1 document. Describes HEAD only where clients use it, although every GET also answers HEAD. */
export function openApiDocument(publicUrl: string) {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Cloud Mirror',
      version: '1',
      description:
        'Redirects each client to a copy of an immutable artifact in its own region, and makes that copy if there is none. Every response has X-Request-Id; every error is application/problem+json.',
      license: { name: 'MPL-2.0', identifier: 'MPL-2.0' },
    },
    servers: [{ url: publicUrl }],
    tags: [{ name: 'clients' }, { name: 'operators' }, { name: 'machines' }],
    paths: { ...redirectPaths, ...operatorPaths, ...machinePaths },
    components: {
      schemas,
      securitySchemes: { operatorToken: { type: 'http', scheme: 'bearer' } },
    },
  };
}
