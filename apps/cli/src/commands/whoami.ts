import { Role } from '@hms-sync/proto/hms/sync/v1/access_service';
import type { Command } from 'commander';
import { isoTime } from '../format.ts';
import { examples } from '../help.ts';
import { addressOption } from '../hub-address.ts';
import { readHub } from '../hub-client.ts';
import { type JsonOptions, jsonOption } from '../json-options.ts';
import { printable, type Terminal } from '../terminal.ts';
import { roleName } from './token.ts';

interface WhoAmIOptions extends JsonOptions {
  address: string;
}

/** `hms-sync whoami`. */
export function addWhoAmICommand(program: Command, terminal: Terminal): void {
  program
    .command('whoami')
    .helpGroup('Access:')
    .description('show your principal and what it may do')
    .addOption(addressOption())
    .addOption(jsonOption())
    .addHelpText('after', examples('whoami', 'whoami --token-file hms-api.token'))
    .action((options: WhoAmIOptions) => whoAmI(options, terminal));
}

async function whoAmI({ address, json }: WhoAmIOptions, { data }: Terminal): Promise<void> {
  const who = await readHub(address, ({ access }) => access.whoAmI({}));
  const { name, kind, credential, permissions, grants } = who;
  const role = who.role === Role.UNSPECIFIED ? undefined : roleName(who.role);
  const expires = isoTime(who.expireTime);
  const { types = [], sources = [], keys = [], adapters = [] } = grants ?? {};
  const limits = Object.entries({ types, sources, keys, adapters }).filter(([, values]) => values.length > 0);
  if (json) {
    data.json({ name, kind, role, credential, expire_time: expires, grants: Object.fromEntries(limits), permissions });
    return;
  }
  data.line(`${printable(name)}, ${role ?? 'without a role'}, by ${printable(kind)} ${printable(credential)}`.trim());
  data.line(`may ${permissions.map(printable).join(', ')}`);
  for (const [what, values] of limits) data.line(`only for the ${what} ${values.map(printable).join(', ')}`);
  if (expires !== undefined) data.line(`expires ${expires}`);
}
