import { type Duration, durationFromMs } from '@bufbuild/protobuf/wkt';
import { type Grants, Role, type Token } from '@hms-sync/proto/hms/sync/v1/access_service';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { parseDuration } from '../duration.ts';
import { ExitCode, Failure } from '../failure.ts';
import { enumName, isoTime } from '../format.ts';
import { examples } from '../help.ts';
import { addressOption } from '../hub-address.ts';
import { callHub, readHub } from '../hub-client.ts';
import { type JsonOptions, jsonLinesOption, jsonOption } from '../json-options.ts';
import { tableLines } from '../table.ts';
import { printable, type Terminal } from '../terminal.ts';

interface HubOptions extends JsonOptions {
  address: string;
}

interface CreateOptions extends HubOptions {
  role: Role;
  type?: string[];
  source?: string[];
  key?: string[];
  adapter?: string[];
  ackDetails?: true;
  expires?: Duration;
  never?: true;
}

interface RotateOptions extends HubOptions {
  overlap?: Duration;
  expires?: Duration;
}

interface RevokeOptions extends HubOptions {
  reason: string;
}

const ROLES: Readonly<Record<string, Role>> = {
  publisher: Role.PUBLISHER,
  viewer: Role.VIEWER,
  operator: Role.OPERATOR,
  'adapter-operator': Role.ADAPTER_OPERATOR,
  auditor: Role.AUDITOR,
  admin: Role.ADMIN,
};

/** `hms-sync token`: create, list, rotate, revoke. */
export function addTokenCommand(program: Command, terminal: Terminal): void {
  const token = program
    .command('token')
    .description('the tokens by which callers are known')
    .usage('<verb> [options]')
    .helpGroup('Access:')
    .commandsGroup('Access:');
  token
    .command('create')
    .description('create a token, and print its text this once')
    .argument('<name>', 'of the caller, such as hms-api')
    .addOption(
      new Option('--role <role>', `what it may do (required): ${Object.keys(ROLES).join(', ')}`)
        .argParser(parseRole)
        .makeOptionMandatory(),
    )
    .option('--type <type...>', 'of a publisher: types of events; Process* means every type that begins with Process')
    .option('--source <source...>', "of a publisher: its sources (default: the token's name)")
    .option('--key <key...>', 'of a publisher: its keys')
    .option('--adapter <id...>', 'of a viewer, an operator or an adapter-operator: its adapters')
    .option('--ack-details', 'of a publisher: its acks carry receipts and error messages')
    .addOption(new Option('--expires <time>', 'after 1m to 365d (default: 90d)').argParser(parseTime))
    .option('--never', 'never expires; only for the role admin, through the socket')
    .addOption(addressOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      examples('token create hms-api --role publisher', 'token create lab --role adapter-operator --adapter lab'),
    )
    .action((name: string, options: CreateOptions) => create(name, options, terminal));
  token
    .command('list')
    .description('list all tokens; their texts are not kept')
    .addOption(addressOption())
    .addOption(jsonOption())
    .addOption(jsonLinesOption())
    .addHelpText('after', examples('token list'))
    .action((options: HubOptions) => list(options, terminal));
  token
    .command('rotate')
    .description('give a token another text, and print it this once')
    .argument('<name>', 'of the token')
    .addOption(
      new Option('--overlap <time>', 'how long the former text stays valid, at most 7d (default: 24h)').argParser(
        parseTime,
      ),
    )
    .addOption(new Option('--expires <time>', 'after 1m to 365d (default: 90d)').argParser(parseTime))
    .addOption(addressOption())
    .addOption(jsonOption())
    .addHelpText('after', examples('token rotate hms-api --overlap 2h'))
    .action((name: string, options: RotateOptions) => rotate(name, options, terminal));
  token
    .command('revoke')
    .description('end a token at once, with the streams that it opened')
    .argument('<name>', 'of the token')
    .requiredOption('--reason <text>', 'why, for the audit log (required)')
    .addOption(addressOption())
    .addOption(jsonOption())
    .addHelpText('after', examples("token revoke hms-api --reason 'it was in a log'"))
    .action((name: string, options: RevokeOptions) => revoke(name, options, terminal));
}

async function create(name: string, options: CreateOptions, terminal: Terminal): Promise<void> {
  const { role, expires, never = false } = options;
  const grants = {
    ...{ types: options.type ?? [], sources: options.source ?? [], keys: options.key ?? [] },
    ...{ adapters: options.adapter ?? [], ackDetails: options.ackDetails === true },
  };
  const request = { name, role, grants, neverExpires: never, ...(expires !== undefined && { lifetime: expires }) };
  const { token, text } = await callHub(options.address, ({ access }) => access.createToken(request));
  printText(requireToken(token), { text, json: options.json === true, terminal });
}

async function rotate(
  name: string,
  { address, json, overlap, expires }: RotateOptions,
  terminal: Terminal,
): Promise<void> {
  const request = {
    name,
    ...(overlap !== undefined && { overlap }),
    ...(expires !== undefined && { lifetime: expires }),
  };
  const { token, text } = await callHub(address, ({ access }) => access.rotateToken(request));
  printText(requireToken(token), { text, json: json === true, terminal });
}

async function revoke(name: string, { address, json, reason }: RevokeOptions, { data }: Terminal): Promise<void> {
  const { token } = await callHub(address, ({ access }) => access.revokeToken({ name, reason }));
  if (json) data.json(tokenJson(requireToken(token)));
  else data.line(`${name}: revoked`);
}

async function list({ address, json, jsonl }: HubOptions, { data, notes }: Terminal): Promise<void> {
  const { tokens } = await readHub(address, ({ access }) => access.listTokens({}));
  if (json) {
    data.json(tokens.map(tokenJson));
    return;
  }
  if (jsonl) {
    for (const token of tokens) data.json(tokenJson(token));
    return;
  }
  if (tokens.length === 0) {
    notes.line('There are no tokens.');
    return;
  }
  const rows = tokens.map((token) => [
    printable(token.name),
    roleName(token.role),
    stateOf(token),
    token.lastUseTime === undefined ? 'never' : (isoTime(token.lastUseTime) ?? '').slice(0, 10),
    grantsText(token.grants),
  ]);
  for (const line of tableLines(['NAME', 'ROLE', 'STATE', 'LAST USE', 'ONLY'], rows, data.columns)) data.line(line);
}

interface NewText {
  readonly text: string;
  readonly json: boolean;
  readonly terminal: Terminal;
}

/** The text alone on stdout: `TOKEN=$(hms-sync token create ...)`. */
function printText(token: Token, { text, json, terminal: { data, notes } }: NewText): void {
  if (json) {
    data.json({ ...tokenJson(token), text });
    return;
  }
  data.line(text);
  const until =
    token.expireTime === undefined ? 'never expires' : `expires ${(isoTime(token.expireTime) ?? '').slice(0, 10)}`;
  notes.line(`${printable(token.name)} (${roleName(token.role)}) ${until}. The text above is shown this once.`);
}

function stateOf({ revokeTime, expireTime, overlapEndTime }: Token): string {
  if (revokeTime !== undefined) return `revoked ${(isoTime(revokeTime) ?? '').slice(0, 10)}`;
  if (expireTime === undefined) return 'valid, never expires';
  const until = isoTime(expireTime) ?? '';
  if (Date.parse(until) <= Date.now()) return `expired ${until.slice(0, 10)}`;
  return `valid until ${until.slice(0, 10)}${overlapEndTime === undefined ? '' : ', rotated'}`;
}

function grantsText(grants: Grants | undefined): string {
  const { types = [], sources = [], keys = [], adapters = [] } = grants ?? {};
  const parts = Object.entries({ types, sources, keys, adapters }).filter(([, values]) => values.length > 0);
  return parts.map(([name, values]) => `${name} ${values.map(printable).join(', ')}`).join('; ');
}

function tokenJson({
  id,
  name,
  role,
  grants,
  createdBy,
  createTime,
  expireTime,
  lastUseTime,
  revokeTime,
  overlapEndTime,
}: Token) {
  const { types = [], sources = [], keys = [], adapters = [], ackDetails = false } = grants ?? {};
  return {
    ...{ id, name, role: roleName(role), created_by: createdBy },
    grants: { types, sources, keys, adapters, ack_details: ackDetails },
    create_time: isoTime(createTime),
    expire_time: isoTime(expireTime),
    last_use_time: isoTime(lastUseTime),
    revoke_time: isoTime(revokeTime),
    overlap_end_time: isoTime(overlapEndTime),
  };
}

/** As the command line writes it. */
export function roleName(role: Role): string {
  return enumName(Role, role).toLowerCase().replaceAll('_', '-');
}

function parseRole(text: string): Role {
  const role = Object.hasOwn(ROLES, text) ? ROLES[text] : undefined;
  if (role === undefined) throw new InvalidArgumentError(`It is one of ${Object.keys(ROLES).join(', ')}.`);
  return role;
}

function parseTime(text: string): Duration {
  const timeMs = parseDuration(text);
  if (timeMs === undefined) throw new InvalidArgumentError('Write it as 30m, 24h or 90d.');
  return durationFromMs(timeMs);
}

function requireToken(token: Token | undefined): Token {
  if (token === undefined) throw new Failure('the hub answered without a token', ExitCode.failed);
  return token;
}
