"""Writes down what the fleet's programs ask of AWS: one JSON object a line, in the form that deploy/checks/iam_proof.py reads.

Only requests that name a program of ours in their user agent count; whoever sets the scene asks without one.
"""

import json
import re
import threading
import urllib.parse

ACCOUNT = "000000000000"
PROGRAMS = {"backfleet": "coordinator", "backfleet-worker": "worker"}
# The service of a request by the target that it names.
TARGETS = {
    "AmazonSQS": "sqs",
    "DynamoDB_20120810": "dynamodb",
    "AmazonEC2ContainerServiceV20141113": "ecs",
}
REGION = re.compile(r"Credential=[^/]+/\d+/([^/]+)/")
APP = re.compile(r"\bapp/([\w-]+)")


class Recording:
    """An ASGI application in front of another one."""

    def __init__(self, app, file):
        self.app, self.file, self.lock = app, file, threading.Lock()

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        role = role_of(headers)
        if role is None:
            return await self.app(scope, receive, send)
        target = headers.get("x-amz-target")
        if target is None:
            self.write(s3_call(scope, headers), role)
            return await self.app(scope, receive, send)
        body, messages = b"", []
        while True:
            message = await receive()
            messages.append(message)
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        self.write(json_call(target, json.loads(body), headers), role)

        async def again():
            return messages.pop(0) if messages else await receive()

        return await self.app(scope, again, send)

    def write(self, call, role):
        line = json.dumps({"role": role, **call}) + "\n"
        with self.lock, open(self.file, "a", encoding="utf-8") as file:
            file.write(line)


def role_of(headers):
    program = APP.search(headers.get("user-agent", "") + " " + headers.get("x-amz-user-agent", ""))
    return PROGRAMS.get(program.group(1)) if program else None


def s3_call(scope, headers):
    """Of a request with the bucket in its path."""
    bucket, _, key = urllib.parse.unquote(scope["raw_path"].decode().split("?")[0]).lstrip("/").partition("/")
    query = urllib.parse.parse_qs(scope["query_string"].decode(), keep_blank_values=True)
    if not key:
        prefix = query.get("prefix", [None])[0]
        return {"action": "s3:ListObjectsV2", "resource": f"arn:aws:s3:::{bucket}", "prefix": prefix}
    action = {"GET": "s3:GetObject", "HEAD": "s3:HeadObject", "PUT": "s3:PutObject"}[scope["method"]]
    resource = f"arn:aws:s3:::{bucket}/{key}"
    return {"action": action, "resource": resource, "if_none_match": headers.get("if-none-match")}


def json_call(target, body, headers):
    """Of a request that names its operation in a header."""
    service, operation = target.split(".")
    service = TARGETS[service]
    where = f"{REGION.search(headers['authorization']).group(1)}:{ACCOUNT}"
    resource = {"sqs": queue, "dynamodb": table, "ecs": ecs_service}[service](body, where)
    return {"action": f"{service}:{operation}", "resource": resource}


def queue(body, where):
    if "QueueUrl" in body:
        return f"arn:aws:sqs:{where}:{body['QueueUrl'].rsplit('/', 1)[1]}"
    # A move of dead letters names their queue; making a queue, or asking for one, its name.
    return body.get("SourceArn") or f"arn:aws:sqs:{where}:{body['QueueName']}"


def table(body, where):
    named = body.get("ExportArn") or body.get("TableArn") or body["TableName"]
    arn = named if named.startswith("arn:") else f"arn:aws:dynamodb:{where}:table/{named}"
    return f"{arn}/index/{body['IndexName']}" if "IndexName" in body else arn


def ecs_service(body, where):
    service = body.get("service") or body["services"][0]
    return f"arn:aws:ecs:{where}:service/{body['cluster']}/{service}"
