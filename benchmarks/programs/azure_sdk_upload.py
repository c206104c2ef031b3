"""Upload a file as in the sample "upload a block blob with concurrency" of Azure's SDK: container, name, file."""

import os
import sys
from pathlib import Path

from azure.storage.blob import BlobClient

container, name, file = sys.argv[1:]
connection = os.environ["AZURE_STORAGE_CONNECTION_STRING"]
with BlobClient.from_connection_string(connection, container, name) as blob, Path(file).open("rb") as data:
    blob.upload_blob(data, overwrite=True, max_concurrency=4)
