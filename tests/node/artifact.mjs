// GitHub's own artifact client, driven by a test: what it is to do is the first argument, and what
// came of it the last line it prints.
import path from 'node:path'
import { pathToFileURL } from 'node:url'

const packages = path.join(process.env.DAGLAB_TEST_NODE, 'node_modules')
const module = path.join(packages, '@actions/artifact/lib/artifact.js')
const { DefaultArtifactClient } = await import(pathToFileURL(module).href)

const client = new DefaultArtifactClient()
const request = JSON.parse(process.argv[2])

const calls = {
  upload: ({ name, files, root, options }) => client.uploadArtifact(name, files, root, options),
  list: () => client.listArtifacts({ latest: true }),
  get: ({ name }) => client.getArtifact(name),
  download: ({ id, options }) => client.downloadArtifact(id, options),
  delete: ({ name }) => client.deleteArtifact(name)
}

let result
try {
  result = { ok: await calls[request.call](request) }
} catch (error) {
  result = { error: `${error.name}: ${error.message}` }
}
process.stdout.write(`\nRESULT ${JSON.stringify(result)}\n`, () => process.exit(0))
