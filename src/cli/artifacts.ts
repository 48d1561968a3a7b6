import { Command } from 'commander';
import { exportCommand } from './artifacts/export.js';
import { gcCommand } from './artifacts/gc.js';
import { importCommand } from './artifacts/import.js';
import { listCommand } from './artifacts/list.js';
import { pinCommand, unpinCommand } from './artifacts/pin.js';
import { showCommand } from './artifacts/show.js';
import { verifyCommand } from './artifacts/verify.js';
import { provenanceCommand } from './provenance.js';

export const artifactsCommand = (): Command =>
  new Command('artifacts')
    .description(
      'The artifact store: what is in it, why, and what may go.\nRun it where the store of the workers is (ENGINESMITH_HOME).',
    )
    .addCommand(listCommand())
    .addCommand(showCommand())
    .addCommand(verifyCommand())
    .addCommand(provenanceCommand())
    .addCommand(pinCommand())
    .addCommand(unpinCommand())
    .addCommand(gcCommand())
    .addCommand(exportCommand())
    .addCommand(importCommand());
