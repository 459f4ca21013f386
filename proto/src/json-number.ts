/** Whether a double holds a number as it is written, in JSON or YAML: its decimal value is the double's shortest one. */
export function isExactNumber(source: string): boolean {
  const asDouble = String(Number(source));
  return asDouble === source || canonicalNumber(source) === asDouble;
}

/** Longer than any double is ever written, and short enough to be taken apart by anyone who sends it. */
const NUMBER_CHARACTERS_MAX = 400;
const HEX_OR_OCTAL = /^0(?:x[\da-f]{1,99}|o[0-7]{1,99})$/i;
const NUMBER = /^([-+]?)(\d*)\.?(\d*)(?:[eE]([-+]?\d{1,15}))?$/;

/**
 * The decimal value of a number, however it is written, as JavaScript writes the doubles: 1.0, 1 and 10e-1 are the same
 * text. What is too long for that stands for itself.
 */
export function canonicalNumber(source: string): string {
  const parts = source.length > NUMBER_CHARACTERS_MAX ? null : NUMBER.exec(source);
  if (parts === null) return HEX_OR_OCTAL.test(source) ? BigInt(source).toString() : source;
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = parts;
  const written = whole + fraction;
  const significant = written.replace(/^0+/, '');
  const digits = significant.replace(/0+$/, '');
  if (digits === '') return '0';
  // The value is 0.digits times ten to this power.
  const power = whole.length - (written.length - significant.length) + Number(exponent);
  return (sign === '-' ? '-' : '') + placed(digits, power);
}

/** Number::toString of ECMA-262, for any number of digits. */
function placed(digits: string, power: number): string {
  if (power > 0 && power <= 21) {
    if (digits.length <= power) return digits.padEnd(power, '0');
    return `${digits.slice(0, power)}.${digits.slice(power)}`;
  }
  if (power > -6 && power <= 0) return `0.${'0'.repeat(-power)}${digits}`;
  const mantissa = digits.length === 1 ? digits : `${digits.slice(0, 1)}.${digits.slice(1)}`;
  return `${mantissa}e${power > 0 ? '+' : '-'}${Math.abs(power - 1)}`;
}
