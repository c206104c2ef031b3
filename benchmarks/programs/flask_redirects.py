"""Sign a link per request with Flask and boto3, following their documentation: settings as JSON, port."""

import json
import sys
from urllib.parse import urlsplit

import boto3
import waitress
from flask import Flask, redirect
from werkzeug import Response

settings, port = json.loads(sys.argv[1]), int(sys.argv[2])
store = urlsplit(settings["store"])
client = boto3.client(
    "s3",
    endpoint_url=settings["s3_endpoint"],
    region_name="us-east-1",
    aws_access_key_id=settings["s3_access_key"],
    aws_secret_access_key=settings["s3_secret_key"],
    config=boto3.session.Config(signature_version="s3v4"),
)
app = Flask(__name__)


@app.get("/c/<capture>")
def link(capture: str) -> Response:
    """Redirect to the report page."""
    key = f"{store.path.strip('/')}/shop/checkout/{capture}/index.html"
    return redirect(client.generate_presigned_url("get_object", {"Bucket": store.netloc, "Key": key}, ExpiresIn=900))


waitress.serve(app, host="127.0.0.1", port=port, threads=16)
