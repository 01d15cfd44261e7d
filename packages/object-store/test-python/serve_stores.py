"""Serves S3 (moto) and Google Cloud Storage (gcp-storage-emulator), each with a bucket `tripline`, for the tests.

Prints one line of JSON when both respond, and exits when its input closes. S3 requires keys: it has an identity with
full access and a read-only one.
"""

import json
import logging
import os
import sys
import threading
from http import HTTPStatus

import boto3
from gcp_storage_emulator import server as gcs
from moto import settings
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

BUCKET = "tripline"
READ_ONLY = ["s3:Get*", "s3:List*"]


def serve_s3():
    application = DomainDispatcherApplication(create_backend_app)
    server = make_server("127.0.0.1", 0, application, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.port}"
    setup = {
        "endpoint_url": url,
        "region_name": "us-east-1",
        "aws_access_key_id": "setup",
        "aws_secret_access_key": "setup",
    }
    boto3.client("s3", **setup).create_bucket(Bucket=BUCKET)
    iam = boto3.client("iam", **setup)
    key_id = boto3.client("kms", **setup).create_key()["KeyMetadata"]["KeyId"]
    kms = {"key_id": key_id, "user": make_user(iam, "wrapper", ["kms:Encrypt", "kms:Decrypt"])}
    keys = {"writer": make_user(iam, "writer", ["s3:*"]), "reader": make_user(iam, "reader", READ_ONLY)}
    # From here on, every request needs an existing key, as in AWS.
    settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
    return {"url": url, "kms": kms, **keys}


def make_user(iam, name, actions):
    iam.create_user(UserName=name)
    statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName=name, PolicyName=name, PolicyDocument=document)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return {"id": key["AccessKeyId"], "secret": key["SecretAccessKey"]}


def serve_gcs():
    server = gcs.create_server("127.0.0.1", 0, in_memory=True, default_bucket=BUCKET)
    know_preconditions()
    server.start()
    return {"url": f"http://127.0.0.1:{server._api._httpd.server_port}"}


def know_preconditions():
    """Implements `ifGenerationMatch=0` (the object must not exist yet), which the emulator ignores."""
    turn = threading.Lock()
    insert = gcs.objects.insert

    def insert_new(request, response, storage, *args, **kwargs):
        name = request.query.get("name", [None])[0]
        if request.query.get("ifGenerationMatch") != ["0"] or name is None:
            return insert(request, response, storage, *args, **kwargs)
        with turn:
            if (BUCKET, name) in storage_keys(storage):
                response.status = HTTPStatus.PRECONDITION_FAILED
                return response.json({"error": {"code": 412, "message": "conditionNotMet"}})
            return insert(request, response, storage, *args, **kwargs)

    for _, handlers in gcs.HANDLERS:
        for method, handler in handlers.items():
            if handler is insert:
                handlers[method] = insert_new


def storage_keys(storage):
    return {(bucket, name) for bucket, objects in storage.objects.items() for name in objects}


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    print(json.dumps({"s3": serve_s3(), "gcs": serve_gcs()}), flush=True)
    sys.stdin.read()
    # The emulator's thread would keep the process alive.
    os._exit(0)
