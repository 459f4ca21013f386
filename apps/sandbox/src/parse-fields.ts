import { z } from 'zod';
import { suggestName } from './nearest-name.ts';
import { type FieldProblem, SandboxError } from './sandbox-error.ts';

/**
 * Parses `value` with `schema`.
 *
 * @param subject what the value is, for the message: `fault`, `query`
 * @throws SandboxError `invalid_argument` that names each wrong field and, for an unknown one, the nearest valid name
 */
export function parseFields<Schema extends z.ZodType>(
  subject: string,
  schema: Schema,
  value: unknown,
): z.output<Schema> {
  const { data, error } = schema.safeParse(value);
  if (error === undefined) return data as z.output<Schema>;
  const problems = new Map<string, FieldProblem>();
  for (const problem of error.issues.flatMap((issue) => problemsOf(issue, schema))) {
    if (!problems.has(problem.field)) problems.set(problem.field, problem);
  }
  throw SandboxError.invalid(subject, [...problems.values()]);
}

/** A whole number within its bounds. */
export function wholeNumber(min: number, max: number) {
  const error = `must be a whole number from ${min} to ${max}`;
  return z.number(error).int(error).min(min, error).max(max, error);
}

function problemsOf(issue: z.core.$ZodIssue, schema: z.ZodType): readonly FieldProblem[] {
  const field = issue.path.join('.');
  if (issue.code !== 'unrecognized_keys') return [{ field, description: issue.message }];
  const names = issue.path.reduce<readonly string[]>((_, name) => namesOf(memberOf(schema, name)), namesOf(schema));
  return issue.keys.map((key) => ({
    field: [...issue.path, key].join('.'),
    description: `there is no such field, ${suggestName(key, names)}`,
  }));
}

function namesOf(schema: unknown): readonly string[] {
  if (schema instanceof z.ZodOptional) return namesOf(schema.unwrap());
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}

function memberOf(schema: unknown, name: PropertyKey): unknown {
  return schema instanceof z.ZodObject ? schema.shape[String(name)] : undefined;
}
