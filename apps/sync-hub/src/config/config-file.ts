import { isIP } from 'node:net';
import { DELIVERY_BOUNDS, quotableName } from '@hms-sync/adapter-sdk/host';
import { validRange } from 'semver';
import { z } from 'zod';
import { wrongGrant } from '../access/grant-rules.ts';
import { isSafeUrl, JWT_ALGORITHMS } from '../access/jwt.ts';
import { ROLES } from '../access/permissions.ts';
import { ADAPTER_ID, ADAPTER_ID_RULE } from '../core/adapter-id.ts';
import { LEAST_MAX_AGE_MS } from '../core/retry.ts';
import { adapterConfig } from '../installs/adapters-lock.ts';
import { parsePackageName } from '../installs/package-spec.ts';
import { BYTES_PER_DAY_RULE, DISK_RESERVE_RULE, isBytesPerDay, isDiskReserve } from './sizes.ts';

/** What `hms-sync.yaml` may hold. docs/operate.md says it in words. */
const retry = z.strictObject({
  baseMs: z.int().min(1).max(60_000).optional(),
  capMs: z.int().min(1).max(86_400_000).optional(),
  maxAttempts: z.int().min(1).max(1_000).optional(),
  maxAgeMs: z
    .int()
    .min(LEAST_MAX_AGE_MS)
    .max(366 * 86_400_000)
    .optional(),
});

const breaker = z.strictObject({
  errorThresholdPercentage: z.int().min(1).max(99).optional(),
  volumeThreshold: z.int().min(1).max(10_000).optional(),
  windowMs: z.int().min(1_200).max(3_600_000).optional(),
  resetTimeoutMs: z.int().min(10).max(3_600_000).optional(),
});

const { concurrency, timeoutMs } = DELIVERY_BOUNDS;
const delivery = z.strictObject({
  concurrency: z.int().min(concurrency.min).max(concurrency.max).optional(),
  timeoutMs: z.int().min(timeoutMs.min).max(timeoutMs.max).optional(),
});

export const runtimes = ['process', 'inline', 'remote'] as const;

const remote = z.strictObject({
  address: z.string().regex(/^(\[[0-9a-fA-F:.]+\]|[^\s:[\]]+):\d{1,5}$/, 'must be host:port'),
  ca: z.string().min(1).optional(),
  cert: z.string().min(1).optional(),
  key: z.string().min(1).optional(),
  token: z.string().min(1).optional(),
  plaintext: z.literal(true).optional(),
  insecure: z.literal(true).optional(),
});

const adapterFields = z.strictObject({
  package: z.string().min(1).optional(),
  runtime: z.enum(runtimes).optional(),
  remote: remote.optional(),
  id: z.string().regex(ADAPTER_ID, ADAPTER_ID_RULE).optional(),
  config: adapterConfig.optional(),
  delivery: delivery.optional(),
  retry: retry.optional(),
  breaker: breaker.optional(),
  onDeadLetter: z.enum(['continue', 'hold']).optional(),
});

/** A remote adapter is named by its address, any other by its package: one of node_modules, or with a version range one
 * that the hub installs. */
const adapter = adapterFields.superRefine((fields, context) => {
  const reject = (path: string[], message: string) => context.addIssue({ code: 'custom', path, message });
  if (fields.runtime !== 'remote') {
    if (fields.remote !== undefined) reject(['remote'], 'is for runtime: remote alone');
    if (fields.package === undefined) return reject(['package'], 'is missing; name the npm package of the adapter');
    const named = parsePackageName(fields.package);
    if (named === undefined)
      return reject(
        ['package'],
        `${quotableName(fields.package)} is not an npm package; write its name, such as @clinic/adapter-lab, or its name and a version range, such as @clinic/adapter-lab@^1.2.0`,
      );
    const { range } = named;
    if (range === undefined) return;
    if (range === '' || validRange(range) === null)
      reject(
        ['package'],
        `${quotableName(range)} is not a version range; write one such as ^1.2.0, a tag means another version each day`,
      );
    if (fields.id === undefined)
      reject(['id'], 'is missing; with a version range the deliveries wait under it, also before it is installed');
    return;
  }
  if (fields.package !== undefined) reject(['package'], 'is not for runtime: remote; remove it');
  if (fields.id === undefined) reject(['id'], 'is missing; give the remote adapter a name');
  if (fields.remote === undefined) reject(['remote'], 'is missing; write remote: { address: host:port }');
  const { cert, key, ca, plaintext, insecure } = fields.remote ?? {};
  if ((cert === undefined) !== (key === undefined)) reject(['remote', 'cert'], 'and remote.key belong together');
  if (plaintext && (cert ?? ca) !== undefined) reject(['remote', 'plaintext'], 'goes without ca, cert and key');
  if (insecure && !plaintext) reject(['remote', 'insecure'], 'is for plaintext: true alone');
});

const patterns = z.array(z.string().min(1).max(256)).min(1).max(64).optional();

/** What a credential gives; `rightly` checks it. */
const granted = {
  role: z.enum(ROLES),
  types: patterns,
  sources: patterns,
  keys: patterns,
  adapters: patterns,
};

type Granted = z.infer<z.ZodObject<typeof granted>>;

/** Refuses what would be accepted and not enforced. */
function rightly({ role, types, sources, keys, adapters }: Granted, context: z.core.$RefinementCtx): void {
  const wrong = wrongGrant(role, { types, sources, keys, adapters });
  if (wrong !== undefined) context.addIssue({ code: 'custom', path: [wrong.grant], message: wrong.message });
}

/** A token whose text was made elsewhere: its hash is in the file, for who deploys by files. */
const fileToken = z
  .strictObject({
    name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'must be 1 to 63 letters, digits, ".", "-" and "_"'),
    sha256: z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 hexadecimal digits, as sha256sum prints them'),
    ...granted,
  })
  .superRefine(rightly);

const safeUrl = z.string().max(2_048).refine(isSafeUrl, 'must be an https URL, or an http one of this machine');
const claimValue = z.union([z.string(), z.number(), z.boolean()]);

const jwtIssuer = z
  .strictObject({
    issuer: z.string().min(1).max(2_048),
    audience: z.union([z.string().min(1), z.array(z.string().min(1)).min(1).max(16)]),
    jwks: safeUrl.optional(),
    discovery: safeUrl.optional(),
    algorithms: z.array(z.enum(JWT_ALGORITHMS)).min(1).optional(),
    typ: z.string().min(1).max(64).optional(),
    rules: z
      .array(
        z
          .strictObject({
            when: z
              .record(z.string(), z.union([claimValue, z.array(claimValue).min(1).max(64)]))
              .refine((when) => Object.keys(when).length > 0, 'must name a claim at least'),
            ...granted,
          })
          .superRefine((rule, context) => {
            rightly(rule, context);
            // Its own name would be its sub, which another issuer may give to somebody else.
            if (rule.role === 'publisher' && rule.sources === undefined)
              context.addIssue({ code: 'custom', path: ['sources'], message: 'must name the sources of a publisher' });
          }),
      )
      .min(1)
      .max(64),
  })
  .superRefine(({ issuer, jwks, discovery }, context) => {
    const reject = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
    if (jwks !== undefined && discovery !== undefined) reject('discovery', 'goes without jwks');
    if (jwks === undefined && discovery === undefined && !isSafeUrl(issuer))
      reject('issuer', 'is not an https URL, so its keys are not found by it; write jwks: <https URL of its keys>');
  });

const exactName = (rule: RegExp, words: string) => z.string().max(2_048).regex(rule, words).optional();

const certificateRule = z
  .strictObject({
    spiffe: exactName(
      /^spiffe:\/\/[^/*\s]+(?:\/[^/*\s]+)+$/,
      'must be a whole SPIFFE ID without "*", such as spiffe://clinic/hms-api',
    ),
    dns: exactName(
      /^[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$/,
      'must be a whole DNS name without "*", such as api.clinic.example',
    ),
    ...granted,
  })
  .superRefine((rule, context) => {
    rightly(rule, context);
    const { spiffe, dns } = rule;
    if ((spiffe === undefined) === (dns === undefined))
      context.addIssue({
        code: 'custom',
        path: ['spiffe'],
        message: 'or dns, one of both, must say whose certificate it is',
      });
  });

const tlsFiles = z
  .strictObject({
    cert: z.string().min(1),
    key: z.string().min(1),
    clientCa: z.string().min(1).optional(),
    crl: z.string().min(1).optional(),
    minVersion: z.enum(['TLSv1.2', 'TLSv1.3']).optional(),
  })
  .superRefine(({ clientCa, crl }, context) => {
    if (crl !== undefined && clientCa === undefined)
      context.addIssue({ code: 'custom', path: ['crl'], message: 'is a list of clientCa, which is missing' });
  });

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

export const configFile = z.strictObject({
  listen: z.string().optional(),
  publicUrls: z
    .array(z.string().refine(isOrigin, 'must be a URL such as https://hub.clinic.example:7003'))
    .max(64)
    .optional(),
  tls: z.union([z.literal('terminated'), tlsFiles]).optional(),
  trustedProxies: z
    .array(z.string().refine(isNetwork, 'must be an address or a network, such as 10.0.0.7 or 10.0.0.0/24'))
    .min(1)
    .max(64)
    .optional(),
  auth: z
    .union([
      z.literal('none'),
      z.strictObject({
        tokens: z.array(fileToken).max(256).optional(),
        jwt: z.array(jwtIssuer).max(16).optional(),
        mtls: z.array(certificateRule).max(256).optional(),
      }),
    ])
    .optional(),
  dataDir: z.string().min(1).optional(),
  journal: z
    .string()
    .max(2_048)
    .regex(
      /^postgres(?:ql)?:\/\/\S+\/\S+$/,
      'must be postgres://<user>@<host>:5432/<database>; leave it out for the embedded one',
    )
    .optional(),
  logLevel: z.enum(logLevels).optional(),
  limits: z
    .strictObject({
      eventBytes: z
        .int()
        .min(1)
        .max(3 * 1024 * 1024)
        .optional(),
      connections: z.int().min(1).max(1_000_000).optional(),
      connectionsPerAddress: z.int().min(1).max(1_000_000).optional(),
      perCaller: z
        .strictObject({
          eventsPerSecond: z.int().min(1).max(1_000_000).optional(),
          bytesPerDay: z.custom<number | string>(isBytesPerDay, BYTES_PER_DAY_RULE).optional(),
          streams: z.int().min(1).max(16_384).optional(),
        })
        .optional(),
    })
    .optional(),
  retention: z.strictObject({ settledDays: z.int().min(1).max(3_650).optional() }).optional(),
  audit: z.strictObject({ keepDays: z.int().min(1).max(36_500).optional() }).optional(),
  backups: z.strictObject({ folder: z.string().min(1).optional() }).optional(),
  diskReserve: z.custom<number | string>(isDiskReserve, DISK_RESERVE_RULE).optional(),
  secretsDir: z.string().min(1).optional(),
  adapterPolicy: z
    .strictObject({
      allow: z
        .array(
          z
            .string()
            .regex(
              /^@?[a-z0-9][a-z0-9._-]*(?:\/[a-z0-9._-]+)?\*?$|^@[a-z0-9._-]+\/\*$/,
              'must be the name of a package, or the beginning of names, such as @clinic/*',
            ),
        )
        .max(256)
        .optional(),
      secrets: z
        .array(z.string().regex(/^[A-Za-z0-9_*]{1,128}$/, 'must be a name, or the beginning of names, such as LAB_*'))
        .max(256)
        .optional(),
      // As in a manifest.
      maxMemoryMb: z.int().min(128).max(65_536).optional(),
      permissions: z.enum(['required', 'optional']).optional(),
    })
    .optional(),
  adapters: z.array(adapter).max(256).optional(),
});

/** An http or https URL that names a host, perhaps a port, and nothing else. */
function isOrigin(text: string): boolean {
  return /^https?:\/\/[^/?#@\s]+\/?$/i.test(text) && URL.canParse(text);
}

/** An IP address, perhaps with the length of a prefix. */
function isNetwork(text: string): boolean {
  const [address = '', prefix = '0', ...more] = text.split('/');
  const family = isIP(address);
  return family !== 0 && more.length === 0 && /^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 6 ? 128 : 32);
}

export type ConfigFile = z.infer<typeof configFile>;

/** The names that are allowed in the object at a path, for "did you mean". */
export function namesAt(path: readonly PropertyKey[]): readonly string[] {
  let schema: unknown = configFile;
  for (const step of path) {
    schema = unwrap(schema);
    if (schema instanceof z.ZodObject) schema = schema.shape[String(step)];
    else if (schema instanceof z.ZodArray) schema = schema.element;
    else return [];
  }
  const object = unwrap(schema);
  return object instanceof z.ZodObject ? Object.keys(object.shape) : [];
}

function unwrap(schema: unknown): unknown {
  if (schema instanceof z.ZodUnion) return schema.options.find((option) => option instanceof z.ZodObject);
  return schema instanceof z.ZodOptional ? unwrap(schema.unwrap()) : schema;
}
