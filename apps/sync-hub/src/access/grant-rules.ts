import type { Grants } from './grants.ts';
import type { Role } from './permissions.ts';

/** What a grant may narrow of each role: what its rpcs look at. Anything else would be accepted and not enforced. */
const NARROWABLE: Readonly<Record<Role, readonly (keyof Grants)[]>> = {
  publisher: ['types', 'sources', 'keys', 'ackDetails'],
  viewer: ['adapters'],
  operator: ['adapters'],
  'adapter-operator': ['adapters'],
  auditor: [],
  admin: [],
};

/** What is wrong with the grants of a role, by the grant's name; undefined when nothing is. */
export function wrongGrant(
  role: Role,
  grants: Grants,
): { readonly grant: keyof Grants; readonly message: string } | undefined {
  const given = (Object.keys(grants) as (keyof Grants)[]).filter((grant) => grants[grant] !== undefined);
  const other = given.find((grant) => !NARROWABLE[role].includes(grant));
  if (other !== undefined) return { grant: other, message: `does not narrow the role ${role}; remove it` };
  if (role === 'adapter-operator' && grants.adapters === undefined) {
    return { grant: 'adapters', message: 'must name the adapters of an adapter-operator' };
  }
  for (const grant of ['types', 'sources', 'keys', 'adapters'] as const) {
    const wrong = grants[grant]?.some((pattern) => !isPattern(pattern, grant !== 'adapters'));
    if (wrong) return { grant, message: 'holds a value that is empty, too long, or has a * elsewhere than at its end' };
  }
  return undefined;
}

const PATTERN_MAX_CHARACTERS = 256;

function isPattern(text: string, mayEndWithStar: boolean): boolean {
  if (text === '' || text.length > PATTERN_MAX_CHARACTERS || /\p{Cc}/u.test(text)) return false;
  const star = text.indexOf('*');
  return star === -1 || (mayEndWithStar && star === text.length - 1);
}
