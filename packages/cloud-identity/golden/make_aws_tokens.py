"""Writes aws-tokens.json: tokens that AWS's own Python library signs for fixed credentials at a fixed time.

pip install botocore aws-msk-iam-sasl-signer-python; python make_aws_tokens.py > aws-tokens.json
"""

import base64
import datetime
import json
from unittest import mock

import botocore.auth
import botocore.session
from aws_msk_iam_sasl_signer import MSKAuthTokenProvider
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials, CredentialProvider
from botocore.model import ServiceId
from botocore.signers import RequestSigner, generate_db_auth_token

AT = datetime.datetime(2026, 11, 24, 9, 30, 5, tzinfo=datetime.timezone.utc)
REGION = "eu-central-1"
DATABASE = "tripline-dev.c9abcdefghij.eu-central-1.rds.amazonaws.com"
CACHE = "tripline-dev"
ENDPOINT = f"https://runtime.sagemaker.{REGION}.amazonaws.com/endpoints/tripline-dev/invocations"
BODY = '{"instances":[[1]]}'
USERS = {"database": "auth", "cache": "tripline-dev-features"}
KEYS = {
    "user": ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", None),
    "role": ("ASIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "IQoJb3JpZ2luX2VjE+/=example"),
}


class Fixed(CredentialProvider):
    def __init__(self, keys):
        super().__init__()
        self.keys = keys

    def load(self):
        return Credentials(*self.keys)


def cache_token(session, keys):
    events = session.get_component("event_emitter")
    signer = RequestSigner(ServiceId("elasticache"), REGION, "elasticache", "v4", Credentials(*keys), events)
    request = {
        "method": "GET",
        "url": f"http://{CACHE}/?Action=connect&User={USERS['cache']}",
        "body": {},
        "headers": {},
        "context": {},
    }
    url = signer.generate_presigned_url(request, operation_name="connect", expires_in=900, region_name=REGION)
    return url.removeprefix("http://")


def endpoint_signature(keys):
    request = AWSRequest("POST", ENDPOINT, headers={"Content-Type": "application/json"}, data=BODY)
    botocore.auth.SigV4Auth(Credentials(*keys), "sagemaker", REGION).add_auth(request)
    return request.headers["Authorization"]


def vector(keys):
    session = botocore.session.get_session()
    session.set_credentials(*keys)
    client = session.create_client("rds", region_name=REGION)
    kafka, _ = MSKAuthTokenProvider.generate_auth_token_from_credentials_provider(REGION, Fixed(keys))
    kafka = base64.urlsafe_b64decode(kafka + "=" * (-len(kafka) % 4)).decode()
    return {
        "accessKeyId": keys[0],
        "secretAccessKey": keys[1],
        "sessionToken": keys[2],
        "kafka": kafka[: kafka.index("&User-Agent=")],
        "cache": cache_token(session, keys),
        "endpoint": endpoint_signature(keys),
        "database": generate_db_auth_token(client, DATABASE, 5432, USERS["database"], REGION),
    }


def frozen(*_args, **_kwargs):
    return AT.replace(tzinfo=None)


with mock.patch.object(botocore.auth, "get_current_datetime", frozen):
    golden = {
        "at": AT.isoformat().replace("+00:00", "Z"),
        "region": REGION,
        "cacheName": CACHE,
        "cacheUser": USERS["cache"],
        "databaseHost": f"{DATABASE}:5432",
        "databaseUser": USERS["database"],
        "endpointUrl": ENDPOINT,
        "endpointBody": BODY,
        "vectors": {name: vector(keys) for name, keys in KEYS.items()},
    }
print(json.dumps(golden, indent=2))
