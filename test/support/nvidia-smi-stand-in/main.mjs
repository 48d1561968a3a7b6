/**
 * Stands for nvidia-smi: prints the columns that it is asked for out of what a real one printed. Its directory's settings.json
 * has `query` (a line a GPU, of the columns below), `list` (of -L), `processes` and `exit`.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Columns of the real output in test/fixtures/nvidia-smi/query.txt. */
const columns =
  'index,uuid,name,pci.bus_id,compute_cap,memory.total,memory.free,memory.used,utilization.gpu,driver_version,mig.mode.current,persistence_mode,compute_mode,ecc.errors.uncorrected.volatile.total,clocks.max.graphics,clocks.max.memory,clocks.applications.graphics,power.limit,temperature.gpu'.split(
    ',',
  );

const [directory, ...words] = process.argv.slice(2);
const settings = JSON.parse(readFileSync(join(directory, 'settings.json'), 'utf8'));
const value = (option) => words.find((word) => word.startsWith(`${option}=`))?.slice(option.length + 1);

function fail(code, text) {
  process.stdout.write(`${text}\n`);
  process.exit(code);
}

function print(lines) {
  if (value('--format') !== 'csv,noheader,nounits') fail(2, 'this stand-in prints csv,noheader,nounits');
  for (const line of lines) console.log(line);
}

if (settings.exit) fail(settings.exit.code, settings.exit.text);
const gpuColumns = value('--query-gpu')?.split(',');
const processColumns = value('--query-compute-apps')?.split(',');
if (words[0] === '-L') {
  process.stdout.write(settings.list);
} else if (gpuColumns) {
  const unknown = gpuColumns.find((column) => !columns.includes(column));
  if (unknown) fail(2, `Field "${unknown}" is not a valid field to query.`);
  print(
    settings.query
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.split(', '))
      .map((cells) => gpuColumns.map((column) => cells[columns.indexOf(column)]).join(', ')),
  );
} else if (processColumns) {
  print(settings.processes.map((one) => processColumns.map((column) => one[column]).join(', ')));
} else {
  fail(2, `Invalid combination of input arguments: ${words.join(' ')}`);
}
