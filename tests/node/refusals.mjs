// What Microsoft's own client meets at an Azure Blob Storage, and an address that it signs. Reads
// one JSON object from standard input and prints one, as tests/servers/refusals.py does.
import { createRequire } from "node:module";
import { text } from "node:stream/consumers";

const require = createRequire(`${process.env.DAGLAB_TEST_NODE}/`);
const {
  BlobSASPermissions,
  BlobServiceClient,
  StorageSharedKeyCredential,
  generateBlobSASQueryParameters,
} = require("@azure/storage-blob");

const asked = JSON.parse(await text(process.stdin));

const code = async (account, key, container) => {
  const credential = new StorageSharedKeyCredential(account, key);
  const service = new BlobServiceClient(asked.url, credential, { retryOptions: { maxTries: 1 } });
  try {
    for await (const _ of service.getContainerClient(container).listBlobsFlat()) break;
    return "OK";
  } catch (error) {
    return error.code;
  }
};

const wrong = Buffer.alloc(64, "x").toString("base64");
const codes = {
  good: await code(asked.account, asked.key, asked.container),
  "wrong key": await code(asked.account, wrong, asked.container),
  "missing container": await code(asked.account, asked.key, "missing-container"),
};

const signed = generateBlobSASQueryParameters(
  {
    containerName: asked.container,
    blobName: asked.blob,
    permissions: BlobSASPermissions.parse("r"),
    expiresOn: new Date(Date.now() + 600_000),
  },
  new StorageSharedKeyCredential(asked.account, asked.key),
);
const address = `${asked.url}/${asked.container}/${encodeURI(asked.blob)}?${signed}`;
process.stdout.write(JSON.stringify({ codes, address }));
