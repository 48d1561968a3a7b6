/** Options as docker parses them: `--name=value` or `--name value`, up to the first argument that is none. */

/**
 * @param {string[]} words
 * @param {Record<string, 'switch' | 'value' | 'list'>} known
 * @returns {{ options: Record<string, any>, rest: string[] }}
 */
export function parseOptions(words, known) {
  const options = Object.fromEntries(Object.keys(known).map((name) => [name, known[name] === 'list' ? [] : undefined]));
  let position = 0;
  for (; position < words.length && words[position].startsWith('-'); position += 1) {
    const [, name, inline] = /^--([a-z-]+)(?:=(.*))?$/s.exec(words[position]) ?? [];
    const kind = known[name ?? ''];
    if (kind === undefined) throw new Refusal(`unknown flag: ${words[position]}`);
    if (kind === 'switch') {
      options[name] = true;
      continue;
    }
    if (inline === undefined) position += 1;
    const value = inline ?? words[position];
    if (value === undefined) throw new Refusal(`flag needs an argument: --${name}`);
    if (kind === 'list') options[name].push(value);
    else if (options[name] === undefined) options[name] = value;
    else throw new Refusal(`--${name} is given twice`);
  }
  return { options, rest: words.slice(position) };
}

/** What makes docker itself fail: its message on stderr, its exit code. */
export class Refusal extends Error {
  constructor(message, exitCode = 125) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** One record of CSV, as docker reads `--gpus` and `--mount`. */
export function csvFields(text) {
  const fields = [];
  for (let rest = text; ; ) {
    const [whole, quoted, plain] = /^(?:"((?:[^"]|"")*)"|([^",]*))(?=,|$)/s.exec(rest) ?? [];
    if (whole === undefined) throw new Refusal(`invalid argument "${text}": bare or unclosed quotes`);
    fields.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    if (rest.length === whole.length) return fields;
    rest = rest.slice(whole.length + 1);
  }
}

/** A bind mount; anything else is none that Enginesmith should ask for. */
export function parseMount(text) {
  const [type, source, target, ...flags] = csvFields(text);
  const [from, to] = [/^source=(\/.*)$/s.exec(source ?? '')?.[1], /^target=(\/.*)$/s.exec(target ?? '')?.[1]];
  if (type !== 'type=bind' || !from || !to || flags.some((flag) => flag !== 'readonly')) {
    throw new Refusal(`invalid argument "${text}" for "--mount" flag`);
  }
  return { source: from, target: to, readOnly: flags.includes('readonly') };
}

/** Device ids of `--gpus`. Without inner quotes docker takes `1` of `device=0,1` for a count, and its daemon refuses both. */
export function parseGpus(text) {
  const [device, ...others] = csvFields(text);
  const ids = /^device=(.+)$/.exec(device ?? '')?.[1];
  if (others.length > 0) throw new Refusal('cannot set both Count and DeviceIDs on device request.');
  if (ids === undefined) throw new Refusal(`invalid argument "${text}" for "--gpus" flag`);
  return ids.split(',');
}
