import { exitOnFailure, report } from './report.mjs';
import { setUp } from './set-up.mjs';

exitOnFailure(async () => {
  const { toolchainRoot, temporalServer } = await setUp();
  report(`ready: toolchain ${toolchainRoot}, Temporal ${temporalServer}`);
});
