#!/usr/bin/env node
// The script of old under its name: `haproxy_cfg …` is `cloud-mirror haproxy-cfg …`.
process.argv.splice(2, 0, 'haproxy-cfg');
await import('./cloud-mirror.js');
