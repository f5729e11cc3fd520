"""Makes the stack of the template on an emulator, so that real programs can work with its queues, buckets, service and tasks.

    emulated_stack.py --endpoint http://127.0.0.1:4566

Prints one JSON object: the outputs, the environment that the template gives a worker, and the values by which iam_proof.py
knows the stack's names. What the emulator's CloudFormation does not know is left out, named here with the reason; whatever
else it does not take is an error.
"""

import argparse
import json
import sys
import time

import boto3
import template

NAME = "backfleet"
REGION, ACCOUNT = "us-east-1", "000000000000"
TABLE = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/orders"
PARAMETERS = {
    "ImageUri": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/backfleet@sha256:{'0' * 64}",
    "VpcId": "vpc-00000000",
    "SubnetIds": "subnet-00000000",
    "TableArn": TABLE,
    "AllowEnablePitr": "true",
}
# Parts of the template that the emulator does not know: functions of Rules, which only CloudFormation has, and scaling.
LEFT_OUT_SECTIONS = ("Rules", "Metadata")
LEFT_OUT_TYPES = ("AWS::ApplicationAutoScaling::ScalableTarget", "AWS::ApplicationAutoScaling::ScalingPolicy")
TEMPLATES = "backfleet-templates"
SECONDS_MAX = 60


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    arguments.add_argument("--endpoint", required=True)
    endpoint = arguments.parse_args().endpoint
    made = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}

    def client(service):
        return boto3.client(service, endpoint_url=endpoint, region_name=REGION, **made)

    outputs = create(client("cloudformation"), client("s3"), endpoint)
    ecs = client("ecs")
    task = ecs.describe_task_definition(taskDefinition=outputs["WorkerTaskDefinitionArn"])["taskDefinition"]
    environment = {one["name"]: one["value"] for one in task["containerDefinitions"][0]["environment"]}
    print(json.dumps({"outputs": outputs, "worker_environment": environment, "values": values(outputs)}))


def create(cloudformation, s3, endpoint):
    """Makes the stack; gives its outputs. By way of a bucket, as AWS wants it for a template of this size."""
    s3.create_bucket(Bucket=TEMPLATES)
    s3.put_object(Bucket=TEMPLATES, Key="backfleet.json", Body=json.dumps(known()).encode())
    cloudformation.create_stack(
        StackName=NAME,
        TemplateURL=f"{endpoint}/{TEMPLATES}/backfleet.json",
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in PARAMETERS.items()],
    )
    deadline = time.monotonic() + SECONDS_MAX
    while True:
        stack = cloudformation.describe_stacks(StackName=NAME)["Stacks"][0]
        if stack["StackStatus"] == "CREATE_COMPLETE":
            return {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}
        if stack["StackStatus"] != "CREATE_IN_PROGRESS" or time.monotonic() > deadline:
            events = cloudformation.describe_stack_events(StackName=NAME)["StackEvents"]
            said = [f"{one['LogicalResourceId']}: {one.get('ResourceStatusReason')}" for one in events]
            sys.exit(f"the stack is {stack['StackStatus']}\n" + "\n".join(said))
        time.sleep(0.5)


def known():
    """The template without what the emulator does not know."""
    whole = {key: part for key, part in template.load().items() if key not in LEFT_OUT_SECTIONS}
    return {**whole, "Resources": {name: one for name, one in whole["Resources"].items() if not left_out(one)}}


def left_out(resource):
    """Also alarms of metric math, which the emulator's CloudWatch has not."""
    is_math = resource["Type"] == "AWS::CloudWatch::Alarm" and "Metrics" in resource["Properties"]
    return resource["Type"] in LEFT_OUT_TYPES or is_math


def values(outputs):
    """As in iam_values.json, of this stack."""
    cluster, service = outputs["EcsService"].split("/")
    queues = {"WorkQueue": outputs["QueueUrl"], "DeadLetterQueue": outputs["DeadLetterQueueUrl"]}
    buckets = {"DestinationBucket": outputs["Destination"], "ExportBucket": outputs["ExportPlace"]}
    resources = {f"{name}.Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{last(url)}" for name, url in queues.items()}
    resources |= {name: place.removeprefix("s3://").strip("/") for name, place in buckets.items()}
    resources["Cluster"] = cluster
    resources["WorkerService"] = f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/{cluster}/{service}"
    return {
        "parameters": PARAMETERS,
        "pseudo": {"AWS::AccountId": ACCOUNT, "AWS::Region": REGION, "AWS::StackName": NAME},
        "resources": resources,
        "roles": {"worker": "WorkerRole", "coordinator": "CoordinatorRole"},
    }


def last(url):
    return url.rsplit("/", 1)[1]


if __name__ == "__main__":
    main()
