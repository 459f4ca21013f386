import { createHash } from 'node:crypto';
import {
  createRemoteJWKSet,
  customFetch,
  decodeJwt,
  errors,
  type JWTPayload,
  type JWTVerifyGetKey,
  jwtVerify,
} from 'jose';
import { AccessError } from './access-error.ts';
import type { ClientCertificate } from './client-certificate.ts';
import { type Grants, ofPublisher } from './grants.ts';
import { Lifetime } from './lifetime.ts';
import { type Listed, relist } from './listed.ts';
import type { Role } from './permissions.ts';
import type { Principal } from './principal.ts';

/** Where everybody has the key that signs, nobody's signature counts: asymmetric ones alone. */
export const JWT_ALGORITHMS = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
] as const;

type ClaimValue = string | number | boolean;

/** What claims give which role. */
export interface JwtRule extends Grants {
  /**
   * All of these claims must be there, each with the value or one of the values. A claim that is a list needs one of
   * them, and so does a text of words, such as `scope`. `a.b` is the member b of the claim a.
   */
  readonly when: Readonly<Record<string, ClaimValue | readonly ClaimValue[]>>;
  readonly role: Role;
}

/** Whose JWTs the hub accepts. */
export interface JwtIssuer {
  /** The claim `iss`, as it is written. */
  readonly issuer: string;
  /** One of these must be in the claim `aud`. */
  readonly audience: string | readonly string[];
  /** URL of the issuer's keys. */
  readonly jwks?: string | undefined;
  /** URL of the issuer's metadata, which names that of the keys. Default: `<issuer>/.well-known/openid-configuration`. */
  readonly discovery?: string | undefined;
  /** Default: all of {@link JWT_ALGORITHMS}. */
  readonly algorithms?: readonly string[] | undefined;
  /** What the header's `typ` must be. Default: `at+jwt` (RFC 9068). */
  readonly typ?: string | undefined;
  /** The first that fits decides; without one, nobody comes in. */
  readonly rules: readonly JwtRule[];
}

/** Clocks differ by this much at most. */
const SKEW_MS = 30_000;
/** A JWT cannot be revoked: one that is good for longer than a day is refused. */
const LIFETIME_MAX_MS = 24 * 3_600_000;
/** Keys are read again after ten minutes, in the background, and used for a day while the issuer does not answer. */
const KEYS_FRESH_MS = 10 * 60_000;
const KEYS_MAX_MS = 24 * 3_600_000;
/** Keys are not read for a key id that is not among them more often than this, nor from an issuer that did not answer. */
const COOL_DOWN_MS = 30_000;
const ANSWER_MAX_MS = 5_000;
/** Verified JWTs that are remembered; past it, the one verified first is verified again. */
const REMEMBERED_MAX = 10_000;

/** A JWT that was verified. */
interface Verified {
  readonly principal: Principal & { readonly lifetime: Lifetime };
  /** The only client certificate with which it may be sent. */
  readonly boundTo: string | undefined;
}

/** Verifies a JWT. Rejects with an AccessError. @param certificate of the connection by which it was sent */
export type VerifyJwt = (text: string, certificate: ClientCertificate | undefined) => Promise<Principal>;

/** Verifies the JWTs of the issuers that the configuration trusts, and maps them to principals. */
export class JwtVerifier {
  #listed: readonly Listed<JwtIssuer, IssuerVerifier>[] = [];
  #byName: ReadonlyMap<string, IssuerVerifier> = new Map();
  #remembered = new Map<string, Verified>();

  constructor(issuers: readonly JwtIssuer[]) {
    this.#relist(issuers);
  }

  /**
   * Puts the issuers of the file as it is now in place of those before, at once: the streams of one that is gone, or has
   * changed, end. Then it reads the keys of those that stay, and forgets which JWTs it has verified.
   *
   * @returns whose keys could not be read, a sentence each: those that were read before stay in use
   */
  async replace(issuers: readonly JwtIssuer[]): Promise<readonly string[]> {
    const former = new Set(this.#listed);
    this.#relist(issuers);
    const stay = this.#listed.filter((one) => former.has(one));
    const failed = await Promise.all(
      stay.map(async ({ entry, made }) => ((await made.readKeys()) ? [] : [unreadKeys(entry.issuer)])),
    );
    // Those that are just being verified, by the former keys, are remembered in the former map.
    this.#remembered = new Map();
    return failed.flat();
  }

  /** @see VerifyJwt */
  async verify(text: string, certificate: ClientCertificate | undefined): Promise<Principal> {
    if (this.#byName.size === 0) throw new AccessError('CREDENTIAL_REFUSED', NO_ISSUER);
    const remembered = this.#remembered;
    const hash = createHash('sha256').update(text).digest('base64url');
    let verified = remembered.get(hash);
    if (verified === undefined || verified.principal.lifetime.isOver) {
      remembered.delete(hash);
      const issuer = this.#byName.get(issuerOf(text));
      if (issuer === undefined) throw refused('its issuer (iss) is none of auth.jwt');
      verified = await issuer.verify(text, hash);
      remembered.set(hash, verified);
      const [oldest] = remembered.keys();
      if (remembered.size > REMEMBERED_MAX && oldest !== undefined) remembered.delete(oldest);
    }
    if (verified.boundTo !== undefined && verified.boundTo !== certificate?.thumbprint)
      throw refused('it is bound to a client certificate (cnf), and was not sent with that one');
    return verified.principal;
  }

  #relist(issuers: readonly JwtIssuer[]): void {
    this.#listed = relist(this.#listed, issuers, createIssuerVerifier);
    this.#byName = new Map(this.#listed.map(({ entry, made }) => [entry.issuer, made]));
  }
}

const NO_ISSUER = 'the hub trusts no issuer of JWTs (auth.jwt of its configuration); send a token of its own';

function unreadKeys(issuer: string): string {
  return `the keys of the issuer ${issuer} (auth.jwt) could not be read: those that were read before are used, for 24 hours at most`;
}

/** As the JWT says, which nothing has verified. */
function issuerOf(text: string): string {
  try {
    return decodeJwt(text).iss ?? '';
  } catch {
    throw refused('it cannot be read');
  }
}

interface IssuerVerifier {
  verify(text: string, hash: string): Promise<Verified>;
  /** Reads its keys, if they were read before. False: that failed, and the former ones stay. */
  readKeys(): Promise<boolean>;
}

/** @param inForce for as long as the issuer is trusted, by these rules */
function createIssuerVerifier(issuer: JwtIssuer, inForce: Lifetime): IssuerVerifier {
  const { audience, algorithms = JWT_ALGORITHMS, typ = 'at+jwt', rules } = issuer;
  const keys = createKeys(issuer);
  const options = {
    issuer: issuer.issuer,
    audience: [audience].flat(),
    algorithms: [...algorithms],
    typ,
    clockTolerance: SKEW_MS / 1_000,
    requiredClaims: ['exp'],
  };
  const verify = async (text: string, hash: string) => {
    const { payload } = await jwtVerify(text, keys.find, options).catch((error: unknown) => {
      throw toAccessError(error);
    });
    const expiresAtMs = Number(payload.exp) * 1_000;
    if (expiresAtMs - Date.now() > LIFETIME_MAX_MS + SKEW_MS)
      throw refused('it is valid for more than 24 hours (exp); have its issuer make shorter ones');
    const rule = rules.find(({ when }) => fits(when, payload));
    if (rule === undefined) throw refused('no rule of its issuer (auth.jwt) fits its claims');
    const lifetime = new Lifetime(inForce);
    lifetime.endAfter(expiresAtMs + SKEW_MS - Date.now());
    return { boundTo: boundTo(payload), principal: toPrincipal(rule, payload, { expiresAtMs, lifetime, hash }) };
  };
  return { verify, readKeys: keys.read };
}

interface Keys {
  readonly find: JWTVerifyGetKey;
  readonly read: IssuerVerifier['readKeys'];
}

/** The keys of an issuer, as `jose` keeps them. */
function createKeys({ issuer, jwks, discovery }: JwtIssuer): Keys {
  const place = jwks ?? discovery ?? `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  let failedAtMs = Number.NEGATIVE_INFINITY;
  const ask = async (url: string, init: RequestInit): Promise<Response> => {
    if (Date.now() - failedAtMs < COOL_DOWN_MS) throw new Error('the issuer did not answer a moment ago');
    try {
      const answer = await fetch(jwks === undefined ? await keysPlace(url, issuer, init) : url, init);
      if (answer.status !== 200) throw new Error(`the issuer answered ${answer.status}`);
      return answer;
    } catch (error) {
      failedAtMs = Date.now();
      throw error;
    }
  };
  const keys = createRemoteJWKSet(new URL(place), {
    timeoutDuration: ANSWER_MAX_MS,
    cooldownDuration: COOL_DOWN_MS,
    cacheMaxAge: KEYS_MAX_MS,
    [customFetch]: (url, init) => ask(url, init),
  });
  let readAtMs = Number.NEGATIVE_INFINITY;
  const isUnread = () => readAtMs === Number.NEGATIVE_INFINITY;
  const read = async () => {
    if (isUnread()) return true;
    readAtMs = Date.now();
    // Those that are there go on meanwhile, and for as long as it fails.
    return keys.reload().then(
      () => true,
      () => false,
    );
  };
  const find: JWTVerifyGetKey = (header, token) => {
    if (isUnread()) readAtMs = Date.now();
    else if (Date.now() - readAtMs >= KEYS_FRESH_MS) void read();
    return keys(header, token);
  };
  return { find, read };
}

/** Where the issuer's metadata says that its keys are. */
async function keysPlace(url: string, issuer: string, init: RequestInit): Promise<string> {
  const answer = await fetch(url, init);
  if (answer.status !== 200) throw new Error(`the issuer answered ${answer.status}`);
  const { issuer: named, jwks_uri: place } = (await answer.json()) as Record<string, unknown>;
  if (named !== issuer) throw new Error('the metadata are of another issuer');
  if (typeof place !== 'string' || !isSafeUrl(place)) throw new Error('the metadata name no https URL of the keys');
  return place;
}

/** Whether nobody on the way can change what comes from it: https, or this machine. */
export function isSafeUrl(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || url.username !== '' || url.password !== '') return false;
  return (
    url.protocol === 'https:' ||
    (url.protocol === 'http:' && /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(url.hostname))
  );
}

function fits(when: JwtRule['when'], payload: JWTPayload): boolean {
  return Object.entries(when).every(([claim, wanted]) => {
    const found = claimOf(payload, claim);
    const values = typeof found === 'string' ? [found, ...found.split(' ')] : [found].flat();
    return [wanted].flat().some((value) => values.includes(value));
  });
}

function claimOf(payload: JWTPayload, name: string): unknown {
  if (Object.hasOwn(payload, name)) return payload[name];
  return name
    .split('.')
    .reduce<unknown>(
      (found, member) =>
        typeof found === 'object' && found !== null && Object.hasOwn(found, member)
          ? (found as Record<string, unknown>)[member]
          : undefined,
      payload,
    );
}

/** @throws {AccessError} for a JWT that is bound to anything but a certificate: nothing here would hold it to that */
function boundTo({ cnf }: JWTPayload): string | undefined {
  if (cnf === undefined) return undefined;
  const { 'x5t#S256': thumbprint, ...others } = Object(cnf) as Record<string, unknown>;
  if (typeof thumbprint === 'string' && Object.keys(others).length === 0) return thumbprint;
  throw refused('it is bound to a key (cnf) in a way that the hub does not check; only x5t#S256 is possible');
}

function toPrincipal(
  { role, when: _, ...grants }: JwtRule,
  { sub, client_id: client, jti }: JWTPayload,
  { expiresAtMs, lifetime, hash }: { expiresAtMs: number; lifetime: Lifetime; hash: string },
): Verified['principal'] {
  const name = sub ?? client;
  if (typeof name !== 'string' || name === '' || name.length > 256 || name.includes('*'))
    throw refused('its sub is not 1 to 256 characters without "*"');
  return Object.freeze({
    ...{ kind: 'jwt' as const, name, role, grants: ofPublisher(role, name, grants) },
    // Which one it was, for who looks for it: the issuer knows it by its jti.
    credential: typeof jti === 'string' && jti !== '' ? jti.slice(0, 128) : hash.slice(0, 16),
    ...{ expiresAtMs, lifetime },
  });
}

function toAccessError(error: unknown): AccessError {
  if (error instanceof errors.JWTExpired) return new AccessError('CREDENTIAL_EXPIRED', 'the JWT has expired (exp)');
  if (error instanceof errors.JWTClaimValidationFailed) return refused(`its ${error.claim} is not as it must be`);
  if (error instanceof errors.JOSEAlgNotAllowed || error instanceof errors.JOSENotSupported)
    return refused('its algorithm (alg) is not one of those that the hub accepts from its issuer');
  if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys)
    return refused('its key (kid) is not one of its issuer');
  if (error instanceof errors.JWSSignatureVerificationFailed) return refused('its signature is wrong');
  if (error instanceof errors.JWTInvalid || error instanceof errors.JWSInvalid) return refused('it cannot be read');
  return new AccessError(
    'ISSUER_UNAVAILABLE',
    'the keys of the issuer of the JWT cannot be read now, so it cannot be verified; try again in a minute',
  );
}

function refused(why: string): AccessError {
  return new AccessError('CREDENTIAL_REFUSED', `the JWT is not accepted: ${why}`);
}
