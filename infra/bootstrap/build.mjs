import { exitOnFailure } from './report.mjs';
import { compileService } from './service.mjs';

exitOnFailure(compileService);
