// Runs `daglab action` as this process's child, and passes on what the runner asks of it.
//
// The runner signals the process that it has started and no other, and Node.js would end at the
// first signal: daglab would go on without anybody who waits for it.

'use strict';

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');

// What github-script was given for itself is none of daglab's inputs.
const OF_THE_SCRIPT = [
  'INPUT_SCRIPT', 'INPUT_DEBUG', 'INPUT_USER-AGENT', 'INPUT_PREVIEWS', 'INPUT_RESULT-ENCODING',
  'INPUT_RETRIES', 'INPUT_RETRY-EXEMPT-STATUS-CODES', 'INPUT_BASE-URL', 'ACTION_PATH', 'DAGLAB',
];

/**
 * Sets the exit code of this process, 128 and the signal's number where a signal ended daglab, and
 * resolves to daglab's output `result`, which is empty where it wrote none.
 */
exports.run = async function run(program) {
  const env = { ...process.env };
  for (const name of OF_THE_SCRIPT) {
    delete env[name];
  }
  process.exitCode = await exitCode(program, env);
  return result(env.GITHUB_OUTPUT);
};

function exitCode(program, env) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, ['action'], { env, stdio: ['ignore', 'inherit', 'inherit'] });
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
      process.on(signal, () => child.kill(signal));
    }
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(code ?? 128 + os.constants.signals[signal]));
  });
}

/** The value that `GITHUB_OUTPUT` has for `result`, in either of the two forms. */
function result(file) {
  const lines = file && fs.existsSync(file) ? fs.readFileSync(file, 'utf8').split('\n') : [];
  let value = '';
  lines.forEach((line, index) => {
    if (line.startsWith('result=')) {
      value = line.slice('result='.length);
    } else if (line.startsWith('result<<')) {
      value = lines[index + 1] ?? '';
    }
  });
  return value;
}
