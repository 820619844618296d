import { z } from 'zod';
import { flag, listOf, seconds, section, text, wholeNumber } from '@cloud-mirror/config';

/** HAProxy binds a socket under a temporary name first, which is 15 bytes longer, and a path may have 107 bytes. */
const LONGEST_SOCKET = 85;

/** The part `discovery.haproxy`. */
export const haproxySchema = section({
  enabled: flag().default(false),
  templates: text('the path of a folder', /^[^\0]+$/).default('config/haproxy'),
  file: text('the path of a file', /^[^\0]+$/).default('data/haproxy.cfg'),
  socket: text(
    `the path of a socket: letters, digits and /_.@+- only, at most ${LONGEST_SOCKET} bytes`,
    new RegExp(`^[A-Za-z0-9/_.@+-]{1,${LONGEST_SOCKET}}$`),
  ).default('data/haproxy.sock'),
  binary: text('the path or the name of a program', /^[^\0]+$/).default('haproxy'),
  start: flag().default(true),
  reloadSeconds: seconds(0, 86_400).default(5),
  reloadCommand: z
    .union(
      [
        text('a command for a shell', /\S/),
        listOf(text('a word of a command', /^[^\0]+$/), 'the words of a command', 1),
      ],
      { error: 'a command: text for a shell, or a list of words' },
    )
    .nullable()
    .default(null),
  httpPort: wholeNumber(1, 65_535).default(80),
  httpsPort: wholeNumber(1, 65_535).default(443),
  groups: listOf(
    text('the name of a group', /^[A-Za-z0-9._-]{1,100}$/),
    'a list of groups, as in the label HAPROXY_GROUP',
  ).default([]),
});
