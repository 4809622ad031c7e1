"""A page uploaded to a bucket: `clouds.py PROVIDER BUCKET KEY`; says its link as JSON. The working
directory is a project whose settings have the store."""

import asyncio
import json
import sys
from pathlib import Path

from daglab.helpers import (
    AuthenticationFailed,
    DaglabError,
    ValidationFailed,
    upload_to_cloud,
    upload_to_cloud_sync,
)

provider, bucket, key = sys.argv[1:]
page = Path("page.html")
told = []
try:
    done = asyncio.run(upload_to_cloud(page, provider, bucket, key, on_progress=told.append))
except (AuthenticationFailed, ValidationFailed) as error:
    print(json.dumps({"refused": str(error), "code": error.exit_code}))
    sys.exit()
assert done.bytes == page.stat().st_size, done
assert (told[-1].bytes, told[-1].total) == (done.bytes, done.bytes), told
# Over what is there.
page.write_text("<p>Written later</p>")
again = upload_to_cloud_sync(page, provider, bucket, key)
assert again.expires_at is not None, again
try:
    upload_to_cloud_sync(page, provider, "nowhere-at-all", "x.html")
except DaglabError as error:
    missing = error.exit_code
print(json.dumps({"url": again.url, "missing": missing}))
