"""The emulated AWS of the local stack, spoken to in plain HTTP: just what setting up and making trouble takes."""

import json
import urllib.error
import urllib.request

REGION = "us-east-1"
ACCOUNT = "000000000000"
TIMEOUT_SECONDS = 60
BATCH = 25


class Cloud:
    """An emulator at an address."""

    def __init__(self, endpoint):
        self.endpoint = endpoint

    def put_bucket(self, bucket):
        self._ask("PUT", f"/{bucket}", b"", "s3")

    def put_object(self, bucket, key, data):
        self._ask("PUT", f"/{bucket}/{key}", data, "s3")

    def upload(self, folder, bucket):
        """All files of a folder, by their paths below it."""
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self.put_object(bucket, path.relative_to(folder).as_posix(), path.read_bytes())

    def queue_url(self, name):
        return f"{self.endpoint}/{ACCOUNT}/{name}"

    def set_visibility(self, queue_url, seconds):
        attributes = {"QueueUrl": queue_url, "Attributes": {"VisibilityTimeout": str(seconds)}}
        self._call("AmazonSQS.SetQueueAttributes", attributes, "sqs")

    def create_table(self, table):
        """A table with the keys `pk` (text) and `sk` (number), paid by the request, and an index `by-kind` over `kind`."""
        types = {"pk": "S", "sk": "N", "kind": "S"}
        attributes = [{"AttributeName": name, "AttributeType": kind} for name, kind in types.items()]
        keys = [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}]
        index = {
            "IndexName": "by-kind",
            "KeySchema": [{"AttributeName": "kind", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"},
        }
        self._call(
            "DynamoDB_20120810.CreateTable",
            {
                "TableName": table,
                "AttributeDefinitions": attributes,
                "KeySchema": keys,
                "BillingMode": "PAY_PER_REQUEST",
                "GlobalSecondaryIndexes": [index],
            },
            "dynamodb",
        )

    def put_items(self, table, items):
        for start in range(0, len(items), BATCH):
            puts = [{"PutRequest": {"Item": item}} for item in items[start : start + BATCH]]
            self._call("DynamoDB_20120810.BatchWriteItem", {"RequestItems": {table: puts}}, "dynamodb")

    def _call(self, action, body, service):
        headers = {"X-Amz-Target": action, "Content-Type": "application/x-amz-json-1.0"}
        return self._ask("POST", "/", json.dumps(body).encode(), service, headers)

    def _ask(self, method, path, data, service, headers=()):
        scope = f"test/20260101/{REGION}/{service}/aws4_request"
        made_up = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
        request = urllib.request.Request(self.endpoint + path, data=data, method=method)
        for name, value in {**dict(headers), "Authorization": made_up}.items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            said = error.read()[:300].decode(errors="replace")
            raise SystemExit(f"{method} {path}: {error.code}: {said}") from error
