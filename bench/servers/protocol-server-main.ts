/** The tests' server for the SQS and S3 protocols, in a separate process. */
import { startProtocolServer } from '@cloud-mirror/testing/protocol-server';

const server = await startProtocolServer();
process.stdout.write(`${JSON.stringify({ msg: 'ready', address: server.endpoint })}\n`);
