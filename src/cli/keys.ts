import { resolve } from 'node:path';
import { Command } from 'commander';
import { generateKeyFiles } from '../platform/provenance/keys.js';
import { createOutput, type OutputOptions } from './output.js';

const notes = `
The private key is for one worker, or for several: ENGINESMITH_SIGNING_KEY names
its file. Whoever verifies needs FILE.pub (ENGINESMITH_TRUSTED_KEYS).
The same with OpenSSL:
  $ (umask 077; openssl genpkey -algorithm ed25519 -out signing.pem)
  $ openssl pkey -in signing.pem -pubout -out signing.pem.pub

Examples:
  $ npx enginesmith keys generate /etc/enginesmith/signing.pem`;

export const keysCommand = (): Command =>
  new Command('keys').description('Keys that provenance is signed with.').addCommand(
    new Command('generate')
      .description('Makes an ed25519 key pair: FILE, and its public half in FILE.pub.')
      .argument('<file>', 'where the private key goes; it must not exist')
      .option('--json', 'print {"privateFile","publicFile","keyId"}')
      .addHelpText('after', notes)
      .action(async (file: string, options: OutputOptions) => {
        const made = await generateKeyFiles(resolve(file));
        const text = `Private key ${made.privateFile}\nPublic key  ${made.publicFile}\nKey id      ${made.keyId}`;
        createOutput(options).result(made, text);
      }),
  );
