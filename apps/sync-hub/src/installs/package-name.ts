/** As npm names packages: `lab`, `@clinic/adapter-lab`. None begins with a dash, which a program would take for a flag. */
const NAME = /^(?:@[a-z0-9~][a-z0-9._~-]*\/)?[a-z0-9~][a-z0-9._~-]*$/;
/** npm's own bound. */
const NAME_MAX_CHARACTERS = 214;

export function isPackageName(text: string): boolean {
  return text.length <= NAME_MAX_CHARACTERS && NAME.test(text);
}

/** `@clinic/adapter-lab@^1.2.0` as its two parts. `range` is undefined when there is no second one. */
export function splitPackageName(text: string): { readonly package: string; readonly range: string | undefined } {
  const at = text.indexOf('@', 1);
  return at === -1
    ? { package: text, range: undefined }
    : { package: text.slice(0, at), range: text.slice(at + 1).trim() };
}
