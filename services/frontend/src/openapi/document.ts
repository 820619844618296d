import { machinePaths } from './machine-paths.ts';
import { operatorPaths } from './operator-paths.ts';
import { redirectPaths } from './redirect-paths.ts';
import { schemas } from './schemas.ts';

/** OpenAPI 3.1 of every call. HEAD is described where clients use it; every other GET answers it as well. */
export function openApiDocument(publicUrl: string) {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Cloud Mirror',
      version: '1',
      description:
        'Redirects each client to a copy of an immutable artifact in its own region, and makes that copy when there is none. Every answer has X-Request-Id; every error is application/problem+json.',
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
